import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { fitToTests } from '../contracts/test-compiler.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** One block of assembly that does not say that memory is safe takes the room on the stack from all of a contract. */
it('leaves no assembly without its word about memory where what ran is counted', () => {
  const checkpoints = 'utils/structs/Checkpoints.sol';
  const sources = {
    '__NomicFoundationCoverage-1.sol': read('node_modules/@nomicfoundation/edr/coverage.sol'),
    [`npm/@openzeppelin/contracts@5.7.0/${checkpoints}`]: read(`node_modules/@openzeppelin/contracts/${checkpoints}`),
    ...Object.fromEntries(
      readdirSync(join(root, 'contracts/src')).map((name) => [`project/src/${name}`, read(`contracts/src/${name}`)]),
    ),
  };
  const given = Object.fromEntries(Object.entries(sources).map(([name, content]) => [name, { content }]));
  const listUnsaid = (all: typeof given) =>
    Object.entries(all).flatMap(([name, { content }]) =>
      [...content.matchAll(/(@solidity memory-safe-assembly\s+)?\bassembly \{/g)].flatMap(([, said]) =>
        said === undefined ? [name] : [],
      ),
    );
  expect(new Set(listUnsaid(given)).size).toBe(2);
  const fitted = JSON.parse(fitToTests(JSON.stringify({ sources: given, settings: { outputSelection: {} } })));
  expect(listUnsaid(fitted.sources)).toEqual([]);
});
