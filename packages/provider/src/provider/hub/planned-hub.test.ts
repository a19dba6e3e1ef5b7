import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { serveConfig } from '../provider-config.ts';
import { planHub } from './planned-hub.ts';

const ROUTER = ['--router', `router.example.org:8443|${'11'.repeat(32)}`];
const ON = ['--serve-from-hub', '--hub-price', '7', ...ROUTER];

function plan(argv: readonly string[]) {
  const read = serveConfig.parse(['--deployment', '/nowhere/deployment.json', ...argv], {});
  if (read.kind !== 'run') throw new Error('help was asked for');
  const problems: string[] = [];
  return { planned: planHub(read.values, problems), problems: problems.join('\n') };
}

it('nothing is fetched unless the operator says so', () => {
  expect(plan(ROUTER)).toEqual({ planned: undefined, problems: '' });
});

it('serves verified models under open licences at the price of the other models', () => {
  const { planned, problems } = plan(['--serve-from-hub', '--price', '5', '--hub-budget', '3GiB', ...ROUTER]);
  expect(problems).toBe('');
  expect(planned).toMatchObject({ tiers: ['verified'], pricePer1kAtomic: 5n, budgetBytes: 3 * 2 ** 30 });
  expect(planned?.licences).toContain('MIT');
  const own = plan([...ON, '--hub-tier', 'replay', '--hub-licence', 'LicenseRef-x', '--price', '1', '--price', '2']);
  expect(own.planned).toMatchObject({ tiers: ['replay'], pricePer1kAtomic: 7n, licences: ['LicenseRef-x'] });
});

it('takes places on https and folders', () => {
  const { planned } = plan([...ON, '--hub-place', 'https://mirror.example/hub', '--hub-place', tmpdir()]);
  expect(planned?.places).toEqual([
    { kind: 'http', address: 'https://mirror.example/hub/' },
    { kind: 'folder', address: tmpdir() },
  ]);
});

it('takes places of other kinds that a service shows over HTTP', () => {
  const cid = `ipfs:${'b'.repeat(59)}`;
  const { planned, problems } = plan([
    ...[...ON, '--hub-place', 's3://bucket/models', '--hub-place', cid],
    ...['--hub-ipfs-gateway', 'http://127.0.0.1:8080'],
  ]);
  expect(problems).toBe('');
  expect(planned?.places.map(({ kind }) => kind)).toEqual(['s3', 'ipfs']);
});

it.each([
  [['--serve-from-hub', '--hub-price', '7'], /name one by --router/],
  [['--serve-from-hub', ...ROUTER], /needs --hub-price/],
  [[...ON, '--upstream', 'http://127.0.0.1:1'], /leave --upstream/],
  [[...ON, '--embedded-image', 'x'], /leave one of them out/],
  [[...ON, '--hub-place', 'http://mirror.example'], /no folder, and no place/],
  [[...ON, '--hub-place', `walrus:${'a'.repeat(43)}`], /mirror the model/],
  [[...ON, '--hub-place', `ipfs:${'b'.repeat(59)}`], /--hub-ipfs-gateway/],
])('refuses settings that contradict each other: %j', (argv, problem) => {
  expect(plan(argv).problems).toMatch(problem);
});
