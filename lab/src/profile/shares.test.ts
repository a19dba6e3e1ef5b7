import type { Profiler } from 'node:inspector';
import { expect, it } from 'vitest';
import { computeShares } from './shares.ts';

const node = (id: number, functionName: string, url: string, children: number[] = []): Profiler.ProfileNode => ({
  ...{ id, children, hitCount: 0 },
  callFrame: { functionName, url, scriptId: '0', lineNumber: 0, columnNumber: 0 },
});

const at = (path: string): string => `file:///clone/packages/${path}`;

it('sums self time by kind, native functions with their callers, without idle time', () => {
  const shares = computeShares({
    ...{ startTime: 0, endTime: 1 },
    nodes: [
      node(1, '(root)', '', [2, 3, 5, 8]),
      node(2, '(idle)', ''),
      node(3, 'write', at('host/src/store/store.ts'), [4]),
      node(4, 'run', ''),
      node(5, 'verifyWith', at('host/src/crypto/node-crypto.ts'), [6, 7]),
      node(6, 'verifyOneShot', 'node:internal/crypto/sig', [9]),
      node(7, 'oneShotDigest', ''),
      node(8, '(garbage collector)', ''),
      node(9, 'run', ''),
    ],
    samples: [2, 4, 3, 9, 7, 8],
    // A sample counts three milliseconds at most.
    timeDeltas: [9_000, 1_000, 1_000, 9_000, 1_000, 2_000],
  });
  expect(shares).toEqual([
    { kind: 'Ed25519 and ML-DSA', share: 3 / 8 },
    { kind: 'books and stores', share: 2 / 8 },
    { kind: 'garbage collection', share: 2 / 8 },
    { kind: 'hashes', share: 1 / 8 },
  ]);
});

it('names the package of code that belongs to no kind', () => {
  const nodes = [
    node(1, '(root)', '', [2, 3]),
    node(2, 'buy', at('gateway/src/buy/buy.ts')),
    node(3, 'tick', 'node:internal/timers'),
  ];
  const profile = { startTime: 0, endTime: 1, nodes, samples: [2, 3], timeDeltas: [300, 100] };
  expect(computeShares(profile)).toEqual([
    { kind: 'own logic of gateway', share: 0.75 },
    { kind: 'event loop and timers', share: 0.25 },
  ]);
  expect(computeShares(profile, 0.4)).toEqual([{ kind: 'event loop and timers', share: 1 }]);
});
