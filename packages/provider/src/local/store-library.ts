import { createReadStream, existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { isIP } from 'node:net';
import { basename } from 'node:path';
import { EngineError } from '@ogong/engine/interface/engine-error';
import { inspectAdapterFile } from '@ogong/engine/llama-cpp/adapter-file';
import { inspectModelFile, type ModelFacts } from '@ogong/engine/llama-cpp/model-file';
import { isPublicAddress } from '@ogong/host/link/public-address';
import { GgufError } from '@ogong/models/gguf/types';
import { ModelError } from '@ogong/models/model-error';
import type { Quantizer, ResolvedModel } from '@ogong/models/resolve';
import { isFileReference, splitModelReference } from '@ogong/models/source';
import type { ModelDefaults, ModelManifest, ModelStore, StoredFile } from '@ogong/models/store';
import { isLoopbackHost } from '@ogong/protocol/base/loopback';
import { MAX_ADAPTERS } from '@ogong/protocol/commitment/composed-root';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import type { ModelLibrary, PullOptions, ReceivedFile } from './model-library.ts';
import type { ShelfModel } from './model-shelf.ts';
import { pathOfReference } from './store-shelf.ts';

type Files = Pick<ModelManifest, 'files' | 'adapters'>;

export interface StoreLibraryOptions {
  /** Whether callers may pull from addresses of this machine and its network. Default: false. */
  readonly pullsFromOwnNetwork?: boolean;
  /** Converts files to other types of weights. Default: none is converted. */
  readonly quantizer?: Quantizer;
}

/** @param resolve brings a model by its reference. */
export function createStoreLibrary(
  store: ModelStore,
  resolve: (reference: string, options: PullOptions) => Promise<ResolvedModel>,
  { pullsFromOwnNetwork = false, quantizer }: StoreLibraryOptions = {},
): ModelLibrary {
  const findStored = ({ name, aliases = [] }: ShelfModel) =>
    [name, ...aliases].map((each) => store.find(each)).find((found) => found !== undefined);

  const copy = (path: string): Promise<StoredFile> => store.receive(createReadStream(path), { name: basename(path) });

  /** A file that lies elsewhere may change, so the store takes a copy. */
  async function bringFiles(model: ShelfModel): Promise<Files> {
    const stored = findStored(model)?.manifest;
    if (stored?.folder !== undefined)
      throw new RequestError(`${model.name} is a folder of several networks; only GGUF files get other names`, 'model');
    if (stored !== undefined) return stored;
    const { adapters } = splitModelReference(model.reference);
    const files = [await copy(model.path)];
    const copied: StoredFile[] = [];
    for (const adapter of adapters) copied.push(await copy(pathOfReference(adapter)));
    return { files, ...(copied.length > 0 && { adapters: copied }) };
  }

  async function findReceived(
    files: readonly ReceivedFile[],
    field: string,
    inspect: (path: string) => void,
  ): Promise<readonly StoredFile[]> {
    const found: StoredFile[] = [];
    for (const { name, sha256 } of files) {
      const stored = await store.reuse(name, sha256);
      if (stored === undefined)
        throw new RequestError(`blob sha256:${sha256} is not here; send it to /api/blobs first`, field);
      try {
        inspect(store.pathOf(stored));
      } catch (error) {
        if (!(error instanceof EngineError || error instanceof GgufError)) throw error;
        // The caller sent it by this name; where the store keeps it is nobody's business.
        throw new RequestError(error.message.replaceAll(store.pathOf(stored), name), field);
      }
      found.push(stored);
    }
    return found;
  }

  /** Converts the one file of a model. @throws RequestError if it cannot be converted. */
  async function convert(files: readonly StoredFile[], quant: string): Promise<readonly StoredFile[]> {
    if (quant === '') return files;
    const known = quantizer?.quants ?? [];
    if (!known.includes(quant)) {
      const can = known.length === 0 ? 'this server converts no files' : `files are converted to ${known.join(', ')}`;
      throw new RequestError(`quantize: ${quant.slice(0, 40)} is not known; ${can}`, 'quantize');
    }
    const [file, more] = files;
    if (file === undefined || more !== undefined)
      throw new RequestError('quantize: a model of several files is not converted; merge them first', 'quantize');
    const source = store.pathOf(file);
    const { weightType } = inspectModelFile(source);
    if (weightType.toLowerCase() === quant) return files;
    if (!/^b?f(?:16|32)$/i.test(weightType))
      throw new RequestError(`quantize: the file has ${weightType}; only F32, F16 and BF16 are converted`, 'quantize');
    const target = await store.temporary(`quantize-${file.sha256}-${quant}`);
    try {
      await quantizer?.quantize(source, target, quant);
      const name = `${file.name.replace(/\.gguf$/i, '')}-${quant}.gguf`;
      return [await store.adopt(target, { name })];
    } catch (cause) {
      if (!(cause instanceof ModelError)) throw cause;
      throw new RequestError(`quantize: llama.cpp cannot convert ${file.name} to ${quant}`, 'quantize', null, {
        cause,
      });
    } finally {
      await rm(target, { force: true });
    }
  }

  async function publish(name: string, { files, adapters }: Files, source: string, defaults?: ModelDefaults) {
    await store.publish({ name, source, files, ...(adapters && { adapters }), ...(defaults && { defaults }) });
  }

  return {
    async name(name, model, { adapters = [], defaults = { from: model.name }, quant = '' } = {}) {
      const plain = toModelName(name);
      const facts = adapters.length === 0 ? undefined : inspectModelFile(model.path);
      const added = await findReceived(adapters, 'adapters', (path) => facts && inspectAdapterFile(path, facts));
      const { files: brought, adapters: own = [] } = await bringFiles(model);
      const files = await convert(brought, quant);
      const all = [...own, ...added];
      if (all.length > MAX_ADAPTERS) throw new RequestError(`a model has at most ${MAX_ADAPTERS} adapters`, 'adapters');
      await publish(plain, { files, ...(all.length > 0 && { adapters: all }) }, model.name, defaults);
    },
    async assemble(name, { files, adapters = [], quant = '' }, defaults) {
      const plain = toModelName(name);
      if (adapters.length > MAX_ADAPTERS)
        throw new RequestError(`a model has at most ${MAX_ADAPTERS} adapters`, 'adapters');
      let facts: ModelFacts | undefined;
      const found = await findReceived(files, 'files', (path) => {
        const read = inspectModelFile(path);
        facts ??= read;
      });
      const applied = await findReceived(adapters, 'adapters', (path) => facts && inspectAdapterFile(path, facts));
      const received = { files: await convert(found, quant), ...(applied.length > 0 && { adapters: applied }) };
      await publish(plain, received, `create:${name}`, defaults);
    },
    async remove(model) {
      const stored = findStored(model);
      if (stored === undefined)
        throw new RequestError(
          `${model.name} was named with --model and lies at ${model.path}; delete that file`,
          'model',
        );
      await store.remove(stored.manifest.name);
    },
    async pull(typed, options) {
      const reference = typed.replace(/^(?:https?:\/\/)?(?:hf\.co|huggingface\.co)\//, 'hf:').replace(/:latest$/, '');
      const { base, adapters } = splitModelReference(reference);
      const parts = [base, ...adapters];
      if (parts.some(isFileReference))
        throw new RequestError(
          'a file of this machine is not pulled: run it by its path, or serve it with `local --model <path>`',
          'model',
        );
      if (!pullsFromOwnNetwork && parts.some(isOnOwnNetwork))
        throw new RequestError(
          'an address of this machine or its network is not pulled from: use `ogong local --model <url>`',
          'model',
        );
      const { name, path } = await resolve(reference, options);
      // A model that came with this program is copied, so that every pulled model is in the store.
      if (store.find(name) === undefined) await publish(name, { files: [await copy(path)] }, reference);
    },
    has: (sha256) => existsSync(store.pathOf({ sha256 })),
    async receive(sha256, bytes) {
      await store.receive(bytes, { name: `sha256:${sha256}`, expected: sha256 });
    },
  };
}

/** Whether a part is a URL whose host is this machine, or an address that is not public. */
function isOnOwnNetwork(part: string): boolean {
  if (!/^https?:/.test(part)) return false;
  const host = URL.parse(part)?.hostname.replace(/^\[(.*)\]$/, '$1') ?? '';
  return isLoopbackHost(host) || (isIP(host) !== 0 && !isPublicAddress(host));
}

/** @throws RequestError */
function toModelName(name: string): string {
  const plain = name.replace(/:latest$/, '');
  if (/^[A-Za-z0-9][A-Za-z0-9._/@:-]{0,159}$/.test(plain)) return plain;
  throw new RequestError(
    `invalid model name ${JSON.stringify(plain.slice(0, 60))}: a name has 1 to 160 of a-z A-Z 0-9 . _ / @ : - and begins with a letter or a digit`,
    'model',
  );
}
