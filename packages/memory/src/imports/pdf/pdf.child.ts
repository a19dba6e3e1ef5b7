import { getResolvedPDFJS } from 'unpdf';
import { limitBuffers } from './byte-budget.ts';
import { joinLines, type TextRun } from './join-lines.ts';
import { MAX_PDF_PAGES, MAX_PDF_TEXT, type PdfAnswer } from './pdf-answer.ts';

// A stranger's file is read here, in a process that ends with it (pdf-reader.ts).

/** Bytes of all buffers, above all of inflated streams. */
const MAX_BUFFER_BYTES = 256 * 2 ** 20;
/** Parts of Node that pdf.js does without. `DecompressionStream` would inflate outside the limit of buffers. */
const REMOVED = ['fetch', 'WebSocket', 'EventSource', 'WebAssembly', 'DecompressionStream'];

const { getDocument } = await getResolvedPDFJS();
for (const name of REMOVED) Reflect.deleteProperty(globalThis, name);
// pdf.js opens files with it.
Object.defineProperty(process, 'getBuiltinModule', { value: undefined });
const budget = limitBuffers(MAX_BUFFER_BYTES);

process.once('message', async (bytes: Uint8Array) => {
  const answer = await read(bytes);
  process.send?.(answer, undefined, undefined, () => undefined);
});
// A terminal's Ctrl-C reaches the whole group. The service decides when its readers end, and may also die without notice.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.on('disconnect', () => process.exit());

async function read(data: Uint8Array): Promise<PdfAnswer> {
  let answer: PdfAnswer;
  try {
    answer = await readPages(data);
  } catch (error) {
    answer = { problem: (error as Error).name === 'PasswordException' ? 'encrypted' : 'malformed' };
  }
  // After a refused buffer pdf.js reads on, and parts are missing.
  return budget.isSpent() ? { problem: 'memory' } : answer;
}

async function readPages(data: Uint8Array): Promise<PdfAnswer> {
  const options = { useSystemFonts: false, disableFontFace: true, useWasm: false, useWorkerFetch: false, verbosity: 0 };
  const document = await getDocument({ data, ...options }).promise;
  if (document.numPages > MAX_PDF_PAGES) return { problem: 'pages' };
  const pages: string[] = [];
  let size = 0;
  for (let number = 1; number <= document.numPages; number++) {
    const page = await document.getPage(number);
    const { items } = await page.getTextContent({ includeMarkedContent: false });
    page.cleanup();
    const text = joinLines(items as readonly TextRun[]);
    size += text.length;
    if (size > MAX_PDF_TEXT) return { problem: 'text' };
    pages.push(text);
  }
  return { pages };
}
