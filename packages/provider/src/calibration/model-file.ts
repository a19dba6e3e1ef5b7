import type { FileHashes } from '@ogong/models/file-hashes';
import { toHex } from '@ogong/protocol/base/bytes';

export interface CalibrationModel {
  readonly path: string;
  /** 32 bytes. */
  readonly modelRoot: Uint8Array;
  /** Hashes of a file that was read before: an engine is opened for each setup. */
  readonly hashes?: FileHashes;
}

/** A model under another file name is the same model: stores are named by content. */
export const nameModel = ({ modelRoot }: Pick<CalibrationModel, 'modelRoot'>): string =>
  toHex(modelRoot.subarray(0, 8));
