import type { DownloadProgress } from '@ogong/models/download';
import type { RetryNotice } from '@ogong/models/remote';
import type { ModelDefaults } from '@ogong/models/store';
import type { ShelfModel } from './model-shelf.ts';

/** Changes what models there are on this machine. */
export interface ModelLibrary {
  /** Gives the files of a model another name, with further LoRA adapters and with what requests to it begin with. @throws ModelError, RequestError */
  name(
    name: string,
    model: ShelfModel,
    more?: { readonly adapters?: readonly ReceivedFile[]; readonly defaults?: ModelDefaults; readonly quant?: string },
  ): Promise<void>;
  /** Makes a model of files that were received, and of LoRA adapters for it. @throws ModelError, RequestError */
  assemble(
    name: string,
    received: {
      readonly files: readonly ReceivedFile[];
      readonly adapters?: readonly ReceivedFile[];
      /** Type of weights to convert the file to; as it is if empty or absent. */
      readonly quant?: string;
    },
    defaults?: ModelDefaults,
  ): Promise<void>;
  /** @throws RequestError if the model's file is not the store's. */
  remove(model: ShelfModel): Promise<void>;
  /** @param reference see models/source.ts. @throws ModelError, RequestError */
  pull(reference: string, options: PullOptions): Promise<void>;
  /** @param sha256 hex */
  has(sha256: string): boolean;
  /** @param sha256 hex. @throws ModelError('wrong-hash') */
  receive(sha256: string, bytes: AsyncIterable<Uint8Array>): Promise<void>;
}

export interface ReceivedFile {
  readonly name: string;
  /** Hex. */
  readonly sha256: string;
}

export interface PullOptions {
  readonly onProgress: (progress: DownloadProgress) => void;
  readonly onRetry: (notice: RetryNotice) => void;
  readonly signal: AbortSignal;
}
