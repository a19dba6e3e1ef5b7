import { TransferError } from './transfer-error.ts';

/** @throws TransferError `no-room` if a store lacks room for the bytes. */
export function assertFree(neededBytes: number, freeBytes: number): void {
  if (neededBytes > freeBytes)
    throw new TransferError(
      'no-room',
      `${Math.ceil(neededBytes / 2 ** 20)} MiB are needed and ${Math.floor(freeBytes / 2 ** 20)} MiB are free; free some space and run again`,
    );
}
