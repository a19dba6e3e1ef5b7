import { fileURLToPath } from 'node:url';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createLogger } from '@ogong/host/log/logger';
import { systemClock } from '@ogong/host/time/clock';
import { createLoadedModels } from '@ogong/provider/engine/loaded-models';
import { createLocalServer } from '@ogong/provider/local/local-server';
import { createFakeEngine } from '@ogong/testing/engine/fake';

/** A file with a real header; the engine is a fake. */
const FILE = fileURLToPath(new URL('../../../packages/models/models/stories260K.gguf', import.meta.url));
const REFERENCE = 'file:/observer';
/** A token of the fake is a byte, and programs send long instructions. */
const CONTEXT_SIZE = 1 << 20;

export interface ObservingServer {
  readonly base: string;
  /** For each prompt that the model got, the number of its pictures. */
  readonly pictures: readonly number[];
  close(): Promise<void>;
}

/** Local mode over a model that makes one call, and draws a conclusion once its tool has answered. */
export async function startObservingServer({
  model,
  says,
  concludes,
}: {
  readonly model: string;
  readonly says: string;
  readonly concludes: string;
}): Promise<ObservingServer> {
  const pictures: number[] = [];
  const load = async () => {
    const engine = createFakeEngine({ contextSize: CONTEXT_SIZE, readsPictures: true, says, concludes });
    const { generate } = engine;
    return {
      ...engine,
      generate(request: Parameters<typeof generate>[0], options: Parameters<typeof generate>[1]) {
        pictures.push('pictures' in request.prompt ? (request.prompt.pictures?.length ?? 0) : 0);
        return generate(request, options);
      },
    };
  };
  const loaded = createLoadedModels({ clock: systemClock, keepMs: 60_000, load });
  const shown = {
    ...{ name: model, reference: REFERENCE, path: FILE, sizeBytes: 1, modifiedAtMs: 0 },
    ...{ modelRoot: '00'.repeat(32), readsPictures: true },
  };
  const refuse = () => {
    throw new Error('the models of this server do not change');
  };
  const library = { name: refuse, assemble: refuse, remove: refuse, pull: refuse, has: () => false, receive: refuse };
  const log = createLogger({ name: 'agent-programs', level: 'silent' });
  const parts = { shelf: { list: async () => [shown] }, library, loaded, crypto, clock: systemClock, log };
  const server = createLocalServer({ listen: { host: '127.0.0.1', port: 0 } }, parts);
  await server.start();
  return {
    ...{ base: `http://127.0.0.1:${server.address().port}`, pictures },
    async close() {
      await server.stop();
      await loaded.close();
    },
  };
}
