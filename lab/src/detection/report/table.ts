import { formatMarkdownTable } from '../../markdown-table.ts';

export type TableColumn<Row> = readonly [title: string, cell: (row: Row) => string];

/** A table in Markdown without empty columns. Without rows, a sentence says that nothing was measured. */
export function formatTable<Row>(rows: readonly Row[], columns: readonly TableColumn<Row>[]): string {
  if (rows.length === 0) return 'Not measured in this run.';
  const filled = columns.filter(([, cell]) => rows.some((row) => cell(row) !== ''));
  const titles = filled.map(([title]) => title);
  return formatMarkdownTable(
    titles,
    rows.map((row) => filled.map(([, cell]) => cell(row))),
  );
}
