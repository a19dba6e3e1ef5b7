const LINE_WIDTH = 160;
const MAX_CASE_WIDTH = 1500;

/** Returns the items joined by commas; several short ones share a line. */
function fillLines(items: readonly string[], indent: string): string {
  const lines: string[] = [];
  let line = '';
  for (const item of items) {
    if (line !== '' && indent.length + line.length + item.length + 2 > LINE_WIDTH) {
      lines.push(line);
      line = item;
    } else {
      line = line === '' ? item : `${line},${item}`;
    }
  }
  return [...lines, line].map((text) => indent + text).join(',\n');
}

function formatValue(value: unknown, depth: number, maxWidth: number): string {
  const text = JSON.stringify(value);
  if (typeof value !== 'object' || value === null || text.length <= maxWidth) return text;
  const indent = ' '.repeat(depth + 1);
  const end = `\n${' '.repeat(depth)}`;
  if (Array.isArray(value)) {
    const items = value.map((item) => formatValue(item, depth + 1, MAX_CASE_WIDTH));
    const areScalars = value.every((item) => typeof item !== 'object' || item === null);
    return `[\n${areScalars ? fillLines(items, indent) : indent + items.join(`,\n${indent}`)}${end}]`;
  }
  const itemWidth = depth === 0 ? LINE_WIDTH : MAX_CASE_WIDTH;
  const fields = Object.entries(value).map(
    ([key, field]) => `${indent}${JSON.stringify(key)}:${formatValue(field, depth + 1, itemWidth)}`,
  );
  return `{\n${fields.join(',\n')}${end}}`;
}

/** Returns test vectors as JSON with one case a line; only a case above 1,500 characters takes several lines. */
export function formatVectors(vectors: unknown): string {
  return `${formatValue(JSON.parse(JSON.stringify(vectors)), 0, LINE_WIDTH)}\n`;
}
