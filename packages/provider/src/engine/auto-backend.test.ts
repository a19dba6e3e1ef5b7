import { fileURLToPath } from 'node:url';
import { EngineError } from '@ogong/engine/interface/engine-error';
import { expect, it } from 'vitest';
import { type BackendSources, rankBackends, takeBackend } from './auto-backend.ts';

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

it('takes a named back end as it is, and looks at no machine', async () => {
  const sources: BackendSources = { inspect: () => expect.unreachable() };
  expect(rank({ backend: 'vulkan' }, { sources })).toEqual([{ backend: 'vulkan' }]);
  expect(rank({ backend: undefined }, { sources })).toEqual([{ backend: 'cpu' }]);
  expect(await takeBackend([{ backend: 'vulkan' }], { bring: () => expect.unreachable() })).toEqual({
    backend: 'vulkan',
  });
});

it('takes the best back end of the machine, with its reason', async () => {
  expect(rank({}).map(({ backend }) => backend)).toEqual(['cuda', 'vulkan', 'cpu']);
  expect(await takeBackend(rank({}), { bring: async () => undefined })).toEqual({ backend: 'cuda', why: 'a card' });
});

it('leaves to the CPU what only a CPU computes', () => {
  const taken = (...given: Parameters<typeof rank>) => rank(...given).map(({ backend, why }) => `${backend}: ${why}`);
  expect(taken({ kernels: 'tiled' })).toEqual(['cpu: the kernels tiled are those of a CPU']);
  expect(taken({ hasEncoder: true }).at(-1)).toBe('cpu: the exact kernels of a Vulkan device take no pictures');
  expect(taken({ hasEncoder: true })).not.toContainEqual(expect.stringMatching(/^vulkan/));
  expect(taken({ hasEncoder: true, kernels: 'plain' })).toContainEqual(expect.stringMatching(/^vulkan/));
});

it('takes the next back end where a build cannot be fetched, and says so', async () => {
  const offline = async (backend: string): Promise<void> => {
    if (backend === 'cuda') throw new EngineError('unsupported-model', 'no network');
  };
  const taken = await takeBackend(rank({}), { bring: offline });
  expect(taken.backend).toBe('vulkan');
  expect(taken.why).toContain('cuda build of llama.cpp could not be brought: no network');
});

it('takes the CPU where nothing runs, whose engine says what is missing', () => {
  const sources: BackendSources = { inspect: () => ({ order: [], why: 'no prebuilt llama.cpp' }) };
  expect(rank({}, { sources })).toEqual([{ backend: 'cpu', why: 'no prebuilt llama.cpp' }]);
});
