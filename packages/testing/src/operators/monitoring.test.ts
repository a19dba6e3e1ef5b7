import { globSync, readFileSync } from 'node:fs';
import { createMetrics, readMetrics } from '@ogong/host/metrics/metrics';
import { describe, expect, it } from 'vitest';

const root = new URL('../../../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: { readonly summary: string; readonly runbook: string };
}
const rules: Rule[] = JSON.parse(read('docs/monitoring/alert-rules.json')).groups.flatMap(
  ({ rules: some }: { readonly rules: Rule[] }) => some,
);
const dashboard: { readonly panels: { readonly title: string; readonly targets: { readonly expr: string }[] }[] } =
  JSON.parse(read('docs/monitoring/dashboard.json'));
const runbooks = read('docs/monitoring/README.md');

/** Names and labels of metrics, as the daemons' sources declare them. prom-client itself adds those of every process. */
async function listDeclared(): Promise<Map<string, readonly string[]>> {
  const declared = new Map<string, readonly string[]>();
  const sources = globSync('packages/{gateway,router,validator,provider,storage}/src/**/*.ts', { cwd: root }).filter(
    (path) => !path.includes('.test.'),
  );
  for (const path of sources) {
    const calls = read(path).matchAll(/\b(counter|gauge|histogram)\(\s*'([a-z0-9_]+)',[^[\])]*(?:\[([^\]]*)\])?/g);
    for (const [, kind, name, labels = ''] of calls) {
      const known = [...labels.matchAll(/'(\w+)'/g)].map(([, label]) => label as string);
      for (const suffix of kind === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']) {
        declared.set(`ogong_${name}${suffix}`, suffix === '_bucket' ? [...known, 'le'] : known);
      }
    }
  }
  for (const [, name] of (await readMetrics(createMetrics('test'))).matchAll(/^# TYPE (\w+) /gm)) {
    declared.set(name as string, []);
  }
  return declared;
}

/** Of every series. */
const COMMON = ['role', 'instance', 'job'];

/** Returns the names in an expression that no daemon has. */
function listUnknown(expr: string, declared: ReadonlyMap<string, readonly string[]>): string[] {
  const names = [...expr.matchAll(/\bogong_\w+/g)].map(([name]) => name);
  const labels = [
    ...[...expr.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label]) => label as string),
    ...[...expr.matchAll(/\b(?:by|without) \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/,\s*/)),
  ];
  const known = new Set([...COMMON, ...names.flatMap((name) => declared.get(name) ?? [])]);
  return [...names.filter((name) => !declared.has(name)), ...labels.filter((label) => !known.has(label))];
}

describe('monitoring', () => {
  it('names metrics and labels that exist, in every rule and panel', async () => {
    const declared = await listDeclared();
    const exprs = [...rules, ...dashboard.panels.flatMap(({ targets }) => targets)].map(({ expr }) => expr);
    expect(exprs.length).toBeGreaterThan(20);
    for (const expr of exprs) {
      expect(expr).toMatch(/\bogong_/);
      expect([expr, listUnknown(expr, declared)]).toEqual([expr, []]);
    }
    expect(listUnknown('rate(ogong_verdict_total{verdict="reject"}[5m])', declared)).toEqual([
      'ogong_verdict_total',
      'verdict',
    ]);
    expect(listUnknown('sum by (model) (ogong_verdicts_total{kind="x"})', declared)).toEqual(['kind', 'model']);
  });

  it('has a runbook for each rule, and no other', () => {
    const sections = [...runbooks.matchAll(/^## (\w+)$/gm)].map(([, name]) => name);
    expect(sections).toEqual(rules.map(({ alert }) => alert));
    for (const { alert, annotations } of rules) {
      expect(annotations.runbook).toBe(`docs/monitoring/README.md#${alert.toLowerCase()}`);
      const section = runbooks.split(`## ${alert}\n`)[1]?.split('\n## ')[0] ?? '';
      expect(section).toContain(annotations.summary);
      for (const step of ['**Look.**', '**Do.**']) expect(section).toContain(step);
    }
  });
});
