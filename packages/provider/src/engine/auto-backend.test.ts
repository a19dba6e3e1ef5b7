import { fileURLToPath } from 'node:url';
import { EngineError } from '@ogong/engine/interface/engine-error';
import { expect, it } from 'vitest';
import { type BackendSources, openOnBackend, rankBackends, type TakenBackend } from './auto-backend.ts';

const MODEL = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));
const CARD = {
  order: [
    { backend: 'cuda', why: 'a card' },
    { backend: 'vulkan', why: 'a card, too' },
    { backend: 'cpu', why: 'no GPU can be used' },
  ],
  why: 'a card',
} as const;
const withCard: BackendSources = { inspect: () => CARD };
const rank = (
  wishes: Partial<Parameters<typeof rankBackends>[1]>,
  { path = MODEL, sources = withCard }: { readonly path?: string; readonly sources?: BackendSources } = {},
) => rankBackends(path, { backend: 'auto', hasEncoder: false, ...wishes }, sources);

const bring = async (): Promise<void> => undefined;
const echo = async (taken: TakenBackend): Promise<TakenBackend> => taken;
/** Fails to open on these back ends. */
const failOn =
  (code: 'not-enough-memory' | 'invalid-request', ...backends: readonly string[]) =>
  async (taken: TakenBackend): Promise<TakenBackend> => {
    if (backends.includes(taken.backend)) throw new EngineError(code, `no room on ${taken.backend}`);
    return taken;
  };

it('takes a named back end as it is, and looks at no machine', async () => {
  const sources: BackendSources = { inspect: () => expect.unreachable() };
  expect(rank({ backend: 'vulkan' }, { sources })).toEqual([{ backend: 'vulkan' }]);
  expect(rank({ backend: undefined }, { sources })).toEqual([{ backend: 'cpu' }]);
  const bring = () => expect.unreachable('a named build is brought by its engine');
  expect(await openOnBackend([{ backend: 'vulkan' }], echo, { bring })).toEqual({ backend: 'vulkan' });
});

it('takes the best back end of the machine, with its reason', async () => {
  expect(rank({}).map(({ backend }) => backend)).toEqual(['cuda', 'vulkan', 'cpu']);
  expect(await openOnBackend(rank({}), echo, { bring })).toEqual({ backend: 'cuda', why: 'a card' });
});

it('leaves to the CPU what only a CPU computes', () => {
  const taken = (...given: Parameters<typeof rank>) => rank(...given).map(({ backend, why }) => `${backend}: ${why}`);
  expect(taken({ isPooled: true })).toEqual(['cpu: embeddings are computed on the CPU']);
  expect(taken({ kernels: 'tiled' })).toEqual(['cpu: the kernels tiled are those of a CPU']);
  expect(taken({ hasEncoder: true }).at(-1)).toBe('cpu: the exact kernels of a Vulkan device take no pictures');
  expect(taken({ hasEncoder: true })).not.toContainEqual(expect.stringMatching(/^vulkan/));
  expect(taken({ hasEncoder: true, kernels: 'plain' })).toContainEqual(expect.stringMatching(/^vulkan/));
});

it('takes the next back end where a build cannot be fetched, and says so', async () => {
  const offline = async (backend: string): Promise<void> => {
    if (backend === 'cuda') throw new EngineError('unsupported-model', 'no network');
  };
  const taken = await openOnBackend(rank({}), echo, { bring: offline });
  expect(taken.backend).toBe('vulkan');
  expect(taken.why).toContain('cuda build of llama.cpp could not be brought: no network');
});

it('takes the next back end where the card has no room, and leaves a wrong setting to its operator', async () => {
  expect(await openOnBackend(rank({}), failOn('not-enough-memory', 'cuda', 'vulkan'), { bring })).toEqual({
    ...{ backend: 'cpu', why: 'cuda: no room on cuda; vulkan: no room on vulkan' },
  });
  const refused = openOnBackend(rank({}), failOn('invalid-request', 'cuda'), { bring });
  await expect(refused).rejects.toMatchObject({ code: 'invalid-request' });
  const named = openOnBackend([{ backend: 'vulkan' }], failOn('not-enough-memory', 'vulkan'), { bring });
  await expect(named).rejects.toMatchObject({ code: 'not-enough-memory' });
});

it('takes the CPU where nothing runs, whose engine says what is missing', () => {
  const sources: BackendSources = { inspect: () => ({ order: [], why: 'no prebuilt llama.cpp' }) };
  expect(rank({}, { sources })).toEqual([{ backend: 'cpu', why: 'no prebuilt llama.cpp' }]);
});
