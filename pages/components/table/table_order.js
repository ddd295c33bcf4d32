// The order of a table's rows, where the browser sorts them.

/**
 * @typedef {{ column: string, descending: boolean }} Order
 * @typedef {{ id: string, kind: string }} SortedColumn
 * @typedef {{ value?: any, text?: string | null }} SortedCell  value null: not known
 */

/**
 * The order a click on `column` asks for: the other way where the table is sorted by it already.
 * @param {SortedColumn} column
 * @param {Order | null} current
 * @returns {Order}
 */
export function orderAfterClick(column, current) {
  // Numbers are wanted from the top, words from A.
  const first = column.kind !== "text";
  return { column: column.id, descending: current?.column === column.id ? !current.descending : first };
}

/**
 * `rows` in `order`, those that tie as they came, those without a value last either way.
 * @template {{ cells: SortedCell[] }} Row
 * @param {Row[]} rows
 * @param {SortedColumn[]} columns
 * @param {Order} order
 * @returns {Row[]}
 */
export function sortedRows(rows, columns, order) {
  const at = columns.findIndex((column) => column.id === order.column);
  const { compare } = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  /** @param {Row} row */
  const value = (row) => row.cells[at].value ?? row.cells[at].text ?? "";
  /** @param {Row} row */
  const missing = (row) => row.cells[at].value === null;
  return [...rows].sort((one, other) => {
    if (missing(one) !== missing(other)) return missing(one) ? 1 : -1;
    const [x, y] = [value(one), value(other)];
    const way = typeof x === "string" ? compare(x, String(y)) : x - y;
    return order.descending ? -way : way;
  });
}
