import { join } from 'node:path';
import { makePrivateDirectory, writePrivateFile } from '@ogong/host/files/private-files';
import type { Output } from '@ogong/host/lifecycle/command';
import { explainFile } from '@ogong/host/log/errors';
import { WITHOUT_NETWORK } from '@ogong/protocol/verdict/receipt/verify-local-receipt';
import type { Conversation } from './conversation.ts';
import type { LocalApi } from './local-api.ts';
import { callLocal, LocalApiError } from './local-client.ts';

/**
 * Keeps what the last answer can be checked by, since this process may be all that has it. An answer that was given is not lost to a
 * disk that takes no file.
 * @returns the file; undefined if the answer has no receipt, or the file cannot be written.
 * @param isTerminal whether a person reads along. That person then gets the command that checks it.
 */
export async function keepReceipt(
  { receiptPath }: Pick<Conversation, 'receiptPath'>,
  { api, dataDir, output, isTerminal }: { api: LocalApi; dataDir: string; output: Output; isTerminal: boolean },
): Promise<string | undefined> {
  if (receiptPath === undefined) return undefined;
  const file = join(dataDir, 'last-receipt.json');
  try {
    const receipt = await callLocal(api, receiptPath, { method: 'GET' });
    makePrivateDirectory(dataDir);
    writePrivateFile(file, `${JSON.stringify(receipt)}\n`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    const why = error instanceof LocalApiError ? error.message : `${file}: ${explainFile(error)}`;
    output.writeError(`the answer cannot be checked later: ${why}\n`);
    return undefined;
  }
  if (isTerminal) output.writeError(`\n(to check this answer: ogong verify ${file} --allow ${WITHOUT_NETWORK})\n`);
  return file;
}
