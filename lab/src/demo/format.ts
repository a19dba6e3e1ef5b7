import { OGONG } from '@ogong/devnet/mesh/mesh-ledger';

/** OGONG with all 18 decimals, so that a table loses no unit. */
export function formatOgong(atomic: bigint): string {
  const sign = atomic < 0n ? '-' : '';
  const size = atomic < 0n ? -atomic : atomic;
  return `${sign}${size / OGONG}.${(size % OGONG).toString().padStart(18, '0')}`;
}

/** Columns as wide as their widest cell; those whose header starts with a space are aligned to the right. */
export function formatRuledTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const isRight = (column: number): boolean => (rows[0]?.[column] ?? '').startsWith(' ');
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (isRight(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  const [head = [], ...body] = rows;
  return [line(head), widths.map((width) => '-'.repeat(width)).join('  '), ...body.map(line)].join('\n');
}

/** One line of text, shortened at any place except within a character. */
export function shorten(text: string, length: number): string {
  const plain = text.replace(/\s+/g, ' ').trim();
  const characters = [...plain];
  return characters.length <= length ? plain : `${characters.slice(0, length - 1).join('')}…`;
}
