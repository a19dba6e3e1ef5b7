/** Tests of a part that is no run of Vitest. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/**
 * Reads the counts that Hardhat prints: `12 passing`, `1 failing`, `2 skipped`. Any other part counts as one test.
 * @param output without colours.
 */
export function countOutput(output: string, isGreen: boolean): TestCounts {
  // The total stands below the counts of single runs.
  const count = (word: string): number =>
    Math.max(
      0,
      ...[...output.matchAll(new RegExp(`^\\s*(\\d+) ${word}\\b`, 'gm'))].map(([, number]) => Number(number)),
    );
  const found = { passed: count('passing'), failed: count('failing'), skipped: count('skipped') };
  if (found.passed + found.failed === 0) return { passed: isGreen ? 1 : 0, failed: isGreen ? 0 : 1, skipped: 0 };
  return isGreen ? found : { ...found, failed: Math.max(1, found.failed) };
}
