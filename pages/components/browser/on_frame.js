/** `action` at the next animation frame, once however often it is asked for before. @param {() => void} action */
export function onFrame(action) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      action();
    });
  };
}
