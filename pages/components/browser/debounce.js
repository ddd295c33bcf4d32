/** `action`, once `milliseconds` have passed without another call.
 * @param {() => void} action @param {number} milliseconds */
export function debounce(action, milliseconds) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = window.setTimeout(action, milliseconds);
  };
}
