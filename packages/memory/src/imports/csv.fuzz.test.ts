import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readCsv } from './csv.ts';

const COLUMNS = ['a', 'b', 'c'] as const;
const field = fc.array(fc.constantFrom('"', ',', '\n', '\r', 'x', ' ', '😀')).map((parts) => parts.join(''));
const row = fc.tuple(field, field, field);

const quote = (text: string): string => `"${text.replaceAll('"', '""')}"`;

it('reads what any writer of RFC 4180 writes', () => {
  fc.assert(
    fc.property(fc.array(row), fc.constantFrom('\n', '\r\n'), fc.boolean(), (rows, end, isEnded) => {
      const lines = [COLUMNS, ...rows].map((fields) => fields.map(quote).join(','));
      const table = readCsv(lines.join(end) + (isEnded ? end : ''));
      for (const [index, name] of COLUMNS.entries())
        expect(table.read(name)).toEqual(rows.map((fields) => fields[index]));
      expect(table.read('d')).toBeUndefined();
    }),
  );
});
