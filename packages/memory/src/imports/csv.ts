import { MemoryError } from '../memory-error.ts';

const MAX_COLUMNS = 64;

const MAX_ROWS = 200_000;

export interface CsvTable {
  /** Reads a column of all rows; undefined if the table has none of this name. A missing field is ''. */
  read(column: string): readonly string[] | undefined;
}

interface Field {
  readonly value: string;
  readonly end: number;
}

/**
 * Reads CSV of RFC 4180, whose first line names the columns. Takes time linear in the text.
 * @throws MemoryError `malformed`, `too-large`
 */
export function readCsv(text: string): CsvTable {
  const [columns = [], ...rows] = readLines(text);
  return {
    read(column) {
      const index = columns.indexOf(column);
      return index === -1 ? undefined : rows.map((fields) => fields[index] ?? '');
    },
  };
}

function readLines(text: string): readonly (readonly string[])[] {
  const lines: string[][] = [];
  let line: string[] = [];
  for (let at = text.startsWith('\ufeff') ? 1 : 0; at < text.length; ) {
    const { value, end } = text[at] === '"' ? readQuoted(text, at + 1) : readPlain(text, at);
    line.push(value);
    if (lines.length > MAX_ROWS) throw new MemoryError('too-large', `a table has at most ${MAX_ROWS} rows`);
    if (line.length > MAX_COLUMNS) throw new MemoryError('too-large', `a table has at most ${MAX_COLUMNS} columns`);
    if (text[end] !== ',') {
      if (line.length > 1 || value !== '') lines.push(line);
      line = [];
    } else if (end + 1 === text.length) lines.push([...line, '']);
    at = end + (text.startsWith('\r\n', end) ? 2 : 1);
  }
  return lines;
}

function readPlain(text: string, from: number): Field {
  const plain = /[^,\r\n]*/y;
  plain.lastIndex = from;
  const value = plain.exec(text)?.[0] ?? '';
  return { value, end: from + value.length };
}

function readQuoted(text: string, from: number): Field {
  const parts: string[] = [];
  for (let start = from; ; ) {
    const quote = text.indexOf('"', start);
    if (quote === -1) throw new MemoryError('malformed', 'a quoted field of the table does not end');
    parts.push(text.slice(start, quote));
    if (text[quote + 1] !== '"') {
      if (!/^[,\r\n]?$/.test(text.charAt(quote + 1)))
        throw new MemoryError('malformed', 'a field of the table goes on behind its quotation mark');
      return { value: parts.join('"'), end: quote + 1 };
    }
    start = quote + 2;
  }
}
