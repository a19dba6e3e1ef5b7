import { createInterface } from 'node:readline/promises';

/** Asks a question with the answers yes and no. */
export type AskUser = (question: string) => Promise<boolean>;

/** Returns the way to ask the user at the terminal; undefined if there is none. */
export function openAskUser(signal?: AbortSignal): AskUser | undefined {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  return async (question) => {
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    try {
      return /^y(es)?$/i.test((await lines.question(question, signal ? { signal } : {})).trim());
    } finally {
      lines.close();
    }
  };
}
