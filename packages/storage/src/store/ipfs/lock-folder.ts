import { join } from 'node:path';
import { withProcessLock } from '@ogong/models/process-lock';
import { HubStoreError } from '../hub-store-error.ts';

/** A program that has just ended may hold the lock for a moment. */
const PATIENCE_MS = 1_000;

/** Takes a folder for this program alone. @returns a function that gives it back. @throws HubStoreError `in-use`. */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const taken = Promise.withResolvers<void>();
  const done = Promise.withResolvers<void>();
  const hold = async (): Promise<void> => {
    taken.resolve();
    await done.promise;
  };
  const holding = withProcessLock(join(folder, 'lock'), hold, AbortSignal.timeout(PATIENCE_MS));
  holding.catch(taken.reject);
  try {
    await taken.promise;
  } catch (cause) {
    throw new HubStoreError('in-use', `another program uses ${folder}; end it, or name another folder`, { cause });
  }
  return async () => {
    done.resolve();
    await holding;
  };
}
