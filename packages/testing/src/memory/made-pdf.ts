import { deflateSync } from 'node:zlib';

export interface MadePdfOptions {
  /** Further entries of the trailer. Default: none. */
  readonly trailer?: string;
}

const MARGIN = 50;
const TOP = 700;
const LINE = 14;

/** Writes the operators of a page that shows these lines. A blank line leaves room. */
export function writePage(lines: readonly string[]): string {
  const shown = lines.map((line) => `(${line}) Tj 0 -${LINE} Td`).join('\n');
  return `BT /F1 12 Tf ${MARGIN} ${TOP} Td\n${shown}\nET`;
}

/** Makes a PDF of pages, whose operators are given. */
export function makePdf(pages: readonly (string | Uint8Array)[], { trailer = '' }: MadePdfOptions = {}): Uint8Array {
  const FIRST = 4;
  const kids = pages.map((_, index) => `${FIRST + 2 * index} 0 R`);
  const objects = [
    '<</Type/Catalog/Pages 2 0 R>>',
    `<</Type/Pages/Count ${pages.length}/Kids[${kids.join(' ')}]>>`,
    '<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>',
    ...pages.flatMap((page, index) => {
      const stream = deflateSync(typeof page === 'string' ? Buffer.from(page, 'latin1') : page).toString('latin1');
      const contents = `${FIRST + 2 * index + 1} 0 R`;
      return [
        `<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents ${contents}/Resources<</Font<</F1 3 0 R>>>>>>`,
        `<</Length ${stream.length}/Filter/FlateDecode>>\nstream\n${stream}\nendstream`,
      ];
    }),
  ];
  return new Uint8Array(Buffer.from(joinObjects(objects, trailer), 'latin1'));
}

function joinObjects(objects: readonly string[], trailer: string): string {
  let text = '%PDF-1.7\n';
  const places = objects.map((object, index) => {
    const at = text.length;
    text += `${index + 1} 0 obj\n${object}\nendobj\n`;
    return `${String(at).padStart(10, '0')} 00000 n \n`;
  });
  const size = objects.length + 1;
  const table = `xref\n0 ${size}\n0000000000 65535 f \n${places.join('')}`;
  return `${text}${table}trailer\n<</Size ${size}/Root 1 0 R${trailer}>>\nstartxref\n${text.length}\n%%EOF`;
}
