import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTestDirectory, type TestDirectory } from '../store/test-directory.ts';
import { ALERT_SERIES } from './alert-series.ts';

const RULES = fileURLToPath(new URL('../../../../docs/monitoring/alert-rules.json', import.meta.url));
interface Rule {
  readonly alert: string;
  readonly labels: object;
  readonly annotations: object;
}
const rules: readonly Rule[] = JSON.parse(readFileSync(RULES, 'utf8')).groups.flatMap(
  ({ rules: some }: { readonly rules: readonly Rule[] }) => some,
);

it('has series for each alert', () => {
  expect(Object.keys(ALERT_SERIES).sort()).toEqual(rules.map(({ alert }) => alert).sort());
});

/** From Debian's package `prometheus`. */
const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

describe.skipIf(!hasPromtool)(`promtool${hasPromtool ? '' : ' (it is not installed)'}`, () => {
  let directory: TestDirectory;
  beforeEach(() => {
    directory = createTestDirectory('alerts');
  });
  afterEach(() => directory.remove());

  const run = (command: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync('promtool', command, { encoding: 'utf8' });
    return { status, said: `${stdout}${stderr}` };
  };

  /** @param firesOn returns the series that make each alert fire. */
  function testRules(firesOn: 'bad' | 'good', tested: readonly Rule[]) {
    const tests = tested.flatMap(({ alert, labels, annotations }) =>
      (['bad', 'good'] as const).map((kind) => {
        const series = ALERT_SERIES[alert]?.[kind] ?? [];
        const kept = /instance="a"/.test(series[0]?.series ?? '') ? { instance: 'a' } : {};
        const named = alert === 'ProvidersFail' ? { reason: 'timeout' } : {};
        const outcome = alert === 'VerifierFails' ? { outcome: 'failed' } : {};
        const verdict = alert === 'SettlementStands' ? { verdict: 'accept' } : {};
        const fired = {
          exp_labels: { ...labels, ...kept, ...named, ...outcome, ...verdict },
          exp_annotations: annotations,
        };
        return {
          name: `${alert}, ${kind}`,
          interval: '1m',
          input_series: series,
          alert_rule_test: [{ eval_time: '3h', alertname: alert, exp_alerts: kind === firesOn ? [fired] : [] }],
        };
      }),
    );
    const path = join(directory.path, 'tests.json');
    writeFileSync(path, JSON.stringify({ rule_files: [RULES], evaluation_interval: '5m', tests }));
    return run(['test', 'rules', path]);
  }

  it('reads the rules', () => {
    expect(run(['check', 'rules', RULES])).toMatchObject({ status: 0 });
  });

  it('fires each alert for the fault that it names, and not otherwise', () => {
    const { status, said } = testRules('bad', rules);
    expect([status, said]).toEqual([0, expect.any(String)]);
    // Checks that the tests can fail.
    expect(testRules('good', rules.slice(0, 1)).status).not.toBe(0);
  });
});
