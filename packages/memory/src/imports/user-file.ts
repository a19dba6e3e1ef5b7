import { MemoryError } from '../memory-error.ts';
import type { ImportedConversation } from './conversation.ts';
import type { PdfReader } from './pdf/pdf-reader.ts';

export interface UserFile {
  /** Name with its ending, which tells the kind. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

interface ReadOptions {
  readonly pdfs: PdfReader;
  readonly user: string;
  readonly signal: AbortSignal;
}

const TEXT_ENDING = /\.(?:txt|md|markdown)$/i;
const PDF_ENDING = /\.pdf$/i;

export const isReadable = (name: string): boolean => TEXT_ENDING.test(name) || PDF_ENDING.test(name);

/**
 * Reads a text or a PDF as messages of the user. Each page of a PDF has a source of its own, such as `file#page=3`.
 * @throws MemoryError `malformed`, `too-large`, `busy`
 */
export async function readUserFile(
  { name: threadId, bytes }: UserFile,
  { pdfs, ...options }: ReadOptions,
): Promise<readonly ImportedConversation[]> {
  if (!PDF_ENDING.test(threadId)) return [{ threadId, messages: [toUserMessage(readUtf8(bytes))] }];
  const pages = await pdfs.read(bytes, options);
  return pages.map((text, index) => ({
    ...{ threadId, source: `file#page=${index + 1}`, messages: [toUserMessage(text)] },
  }));
}

const toUserMessage = (content: string) => ({ role: 'user', content });

/** @throws MemoryError `malformed` */
export function readUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new MemoryError('malformed', 'the file is not text in UTF-8', { cause });
  }
}
