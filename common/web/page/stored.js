// Stores values in the browser's local storage, where they survive a reload.

export function load(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null; // the storage is blocked, or the value is damaged
  }
}

export function save(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // The storage is full or blocked. The web page works without it.
  }
}
