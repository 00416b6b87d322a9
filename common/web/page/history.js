// Stores the states of a drawing for undo and redo. A state is an array of strokes.

const MAX_STATES = 200;

export class History {
  #states = [[]];
  #now = 0;

  get current() {
    return this.#states[this.#now];
  }

  get canUndo() {
    return this.#now > 0;
  }

  get canRedo() {
    return this.#now < this.#states.length - 1;
  }

  // Adds a state after the current one. States that were undone can no longer be redone.
  add(state) {
    this.#states = [...this.#states.slice(0, this.#now + 1), state].slice(-MAX_STATES);
    this.#now = this.#states.length - 1;
  }

  undo() {
    if (this.canUndo) this.#now--;
  }

  redo() {
    if (this.canRedo) this.#now++;
  }
}
