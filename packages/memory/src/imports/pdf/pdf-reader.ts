import { once } from 'node:events';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startConfinedChild } from '@ogong/host/lifecycle/confined-child';
import { createJobQueue } from '@ogong/host/lifecycle/job-queue';
import { Refusal } from '@ogong/host/link/link-error';
import { z } from 'zod';
import { MemoryError, type MemoryErrorCode } from '../../memory-error.ts';
import { MAX_PDF_PAGES, MAX_PDF_TEXT, PDF_PROBLEMS, type PdfAnswer, type PdfProblem } from './pdf-answer.ts';

export interface PdfReader {
  /**
   * Reads the text of each page. Pictures of text give none.
   * @returns one text for each page, from page 1.
   * @throws MemoryError `malformed`, `too-large`, `busy`; the reason of the signal.
   */
  read(bytes: Uint8Array, options: { readonly user: string; readonly signal: AbortSignal }): Promise<readonly string[]>;
}

// A thread would be lighter. But an array that grows beyond the heap limit of a thread aborts the whole process.
const CHILD = fileURLToPath(new URL('./pdf.child.ts', import.meta.url));
const MAX_HEAP_MIB = 256;
/** Text of 400 pages takes about four seconds on a busy core. */
const MOST_MS = 30_000;
/** Processes at the same time. Each takes up to 600 MB. */
const SLOTS = 2;
const MAX_WAITING = 8;
const MAX_PDF_BYTES = 16 * 2 ** 20;
/** Readers of PDF expect its mark within these bytes. */
const HEAD_BYTES = 1_024;

const ANSWER: z.ZodType<PdfAnswer> = z.union([
  z.object({ pages: z.array(z.string().max(MAX_PDF_TEXT)).max(MAX_PDF_PAGES) }),
  z.object({ problem: z.enum(PDF_PROBLEMS) }),
]);

const PROBLEMS: Readonly<Record<PdfProblem, readonly [code: MemoryErrorCode, message: string]>> = {
  malformed: ['malformed', 'the PDF cannot be read'],
  encrypted: ['malformed', 'the PDF is encrypted: save it without a password'],
  pages: ['too-large', `a PDF has at most ${MAX_PDF_PAGES} pages`],
  text: ['too-large', `the pages of a PDF have at most ${MAX_PDF_TEXT} characters`],
  memory: ['too-large', 'reading the PDF takes too much memory'],
};

const createError = (problem: PdfProblem): MemoryError => new MemoryError(...PROBLEMS[problem]);

/**
 * Creates a reader that parses each file in a process of its own. The process has limits of memory and time, reads no file besides its
 * code, and runs no script of the PDF.
 */
export function createPdfReader({ mostMs = MOST_MS }: { readonly mostMs?: number } = {}): PdfReader {
  const queue = createJobQueue({ slots: SLOTS, maxWaiting: MAX_WAITING });
  return {
    async read(bytes, { user, signal }) {
      if (bytes.length > MAX_PDF_BYTES) throw new MemoryError('too-large', `a PDF has at most ${MAX_PDF_BYTES} bytes`);
      if (!Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, HEAD_BYTES)).includes('%PDF-'))
        throw new MemoryError('malformed', 'the file is not a PDF');
      try {
        return await queue.run(() => readInProcess(bytes, { mostMs, signal }), signal, user);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof Refusal) throw new MemoryError('busy', 'other PDF files are read: try again later');
        throw error;
      }
    },
  };
}

async function readInProcess(
  bytes: Uint8Array,
  { mostMs, signal }: { readonly mostMs: number; readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const child = startConfinedChild(CHILD, { home: dirname(CHILD), maxHeapMib: MAX_HEAP_MIB, stderr: 'ignore' });
  // Events that come after the answer.
  child.on('error', () => undefined);
  const late = AbortSignal.timeout(mostMs);
  const ending = AbortSignal.any([signal, late]);
  try {
    // A plain view: pdf.js refuses a Buffer. If the message cannot be sent, the process has ended.
    child.send(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length), () => undefined);
    const answer = await Promise.race([once(child, 'message', { signal: ending }), endOf(child, ending)]);
    return readAnswer(answer);
  } catch (error) {
    signal.throwIfAborted();
    if (late.aborted) throw new MemoryError('too-large', `reading the PDF took more than ${mostMs / 1_000} seconds`);
    throw error;
  } finally {
    child.kill('SIGKILL');
  }
}

/** The process is aborted before its answer if its heap is full. Any other end is a fault of this machine. */
const endOf = async (
  child: ReturnType<typeof startConfinedChild>,
  signal: AbortSignal,
): Promise<readonly unknown[]> => {
  const [code, killer]: readonly unknown[] = await once(child, 'exit', { signal });
  if (killer === null) throw new Error(`the reader of PDF files ended with code ${code}`);
  return [{ problem: 'memory' }];
};

function readAnswer([given]: readonly unknown[]): readonly string[] {
  const answer = ANSWER.parse(given);
  if ('problem' in answer) throw createError(answer.problem);
  if (answer.pages.every((text) => text.trim() === ''))
    throw new MemoryError('malformed', 'the PDF has no text: pictures of pages are not read');
  return answer.pages;
}
