// Values that survive a reload, in the browser's local storage.

export function load(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null; // blocked or damaged
  }
}

export function save(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Full or blocked: the page works without it.
  }
}
