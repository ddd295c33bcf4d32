import assert from "node:assert/strict";
import test from "node:test";

import { BrowserStorage } from "../../pages/components/labelling/labelling_view/browser_storage.js";
import { Keymap } from "../../pages/parts/annotate/annotate_view/keymap.js";
import { LABELS, MemoryStore } from "./labelling_parts.js";

const keymapOn = (store = new MemoryStore(), labels = LABELS) => new Keymap(new BrowserStorage("ana", () => store), labels);

test("labels have the numbers, commands their letters", () => {
  const keymap = keymapOn();
  assert.deepEqual(["1", "3", "4", "x", "Enter"].map((key) => keymap.commandFor(key)), ["label:hesitation", "label:not-a-cue", null, "no", "accept"]);
  assert.equal(keymap.keyFor("label:hedge"), "2");
});

test("the tenth label has no key, and no key asks for it", () => {
  const keymap = keymapOn(new MemoryStore(), Array.from({ length: 10 }, (_, k) => ({ key: `l${k}`, name: `l${k}` })));
  assert.equal(keymap.keyFor("label:l9"), "");
  assert.equal(keymap.commandFor(""), null);
});

test("Backspace and Delete always take a label back", () => {
  assert.deepEqual(["Backspace", "Delete"].map((key) => keymapOn().commandFor(key)), ["withdraw", "withdraw"]);
});

test("a changed key outlives the page, and the command that had it loses it", () => {
  const store = new MemoryStore();
  keymapOn(store).set("no", "n");
  const again = keymapOn(store);
  assert.deepEqual([again.commandFor("n"), again.keyFor("next"), again.commandFor("x")], ["no", "", null]);
  assert.deepEqual([...store.entries], [["second-thoughts.ana.keys.map", '{"next":"","no":"n"}']]);
});

test("the usual keys come back", () => {
  const store = new MemoryStore();
  const keymap = keymapOn(store);
  keymap.set("label:hedge", "1");
  assert.equal(keymap.keyFor("label:hesitation"), "");
  keymap.reset();
  assert.equal(keymap.commandFor("1"), "label:hesitation");
  assert.equal(store.entries.size, 0);
});
