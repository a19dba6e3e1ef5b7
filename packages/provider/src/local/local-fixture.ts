import { fileURLToPath } from 'node:url';
import { EngineError } from '@ogong/engine/interface/engine-error';
import type { Engine } from '@ogong/engine/open-engine';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { PictureFetcher } from '@ogong/host/http/picture-fetch';
import { createLogger } from '@ogong/host/log/logger';
import { systemClock } from '@ogong/host/time/clock';
import { createModelStore } from '@ogong/models/store';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createLoadedModels, type LoadedModels } from '../engine/loaded-models.ts';
import { createLocalServer } from './local-server.ts';
import type { ModelLibrary } from './model-library.ts';
import type { ModelShelf, ShelfModel } from './model-shelf.ts';
import { createStoreLibrary } from './store-library.ts';

/** A file with a real header; the engines of these tests are fakes. */
const FILE = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));

export const shelve = (name: string, more: Partial<ShelfModel> = {}): ShelfModel => ({
  name,
  reference: `file:/${name}`,
  path: FILE,
  sizeBytes: 7,
  modifiedAtMs: 1_700_000_000_000,
  modelRoot: '07'.repeat(32),
  ...more,
});

export interface LocalFixture {
  readonly base: string;
  readonly shelf: ModelShelf;
  readonly loaded: LoadedModels;
  /** References of the models that were loaded on demand, in order. */
  readonly loads: readonly string[];
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  close(): Promise<void>;
}

export interface LocalFixtureOptions {
  readonly shelf?: ModelShelf;
  readonly models?: readonly ShelfModel[];
  readonly open?: (reference: string) => Engine;
  readonly origins?: readonly string[];
  readonly hosts?: readonly string[];
  readonly library?: ModelLibrary;
  /** Default: the engines of `open`. */
  readonly loaded?: LoadedModels;
  readonly instance?: string;
  /** Default: fetches pictures from public addresses. */
  readonly pictures?: PictureFetcher;
}

/** Local mode over fake engines, on a port of its own. */
export async function createLocalFixture({
  models = [shelve('fake')],
  shelf = { list: async () => models },
  open = () => createFakeEngine({ contextSize: 512 }),
  origins = [],
  hosts = [],
  library = createStoreLibrary(createModelStore('/nonexistent'), () => Promise.reject(new Error('no network here'))),
  instance = 'fixture',
  loaded: given,
  pictures,
}: LocalFixtureOptions = {}): Promise<LocalFixture> {
  const loads: string[] = [];
  const own = {
    clock: systemClock,
    keepMs: 60_000,
    async load(reference: string) {
      loads.push(reference);
      if (reference.includes('broken')) throw new EngineError('model-corrupt', 'the file is broken');
      return open(reference);
    },
  };
  const loaded = given ?? createLoadedModels(own);
  const log = createLogger({ name: 'test', level: 'silent' });
  const options = { listen: { host: '127.0.0.1', port: 0 }, origins, hosts, instance };
  const server = createLocalServer(options, {
    shelf,
    library,
    loaded,
    crypto,
    clock: systemClock,
    log,
    ...(pictures && { pictures }),
  });
  await server.start();
  const base = `http://127.0.0.1:${server.address().port}`;
  return {
    ...{ base, shelf, loaded, loads },
    post: (path, body, headers = {}) =>
      fetch(`${base}${path}`, {
        method: 'POST',
        body: typeof body === 'string' ? body : JSON.stringify(body),
        headers,
      }),
    async close() {
      await server.stop();
      await loaded.close();
    },
  };
}
