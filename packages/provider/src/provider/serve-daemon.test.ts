import { describe, expect, it } from 'vitest';
import { serveConfig } from './provider-config.ts';
import { startServing } from './serve-daemon.ts';

const say = () => {};

/** Returns the problems of settings, found before anything is opened. */
async function findProblems(argv: readonly string[], wrap: Parameters<typeof startServing>[1] = {}) {
  const read = serveConfig.parse(['--deployment', '/nowhere/deployment.json', ...argv], {});
  if (read.kind !== 'run') throw new Error('help was asked for');
  return startServing(read.values, wrap).then(
    () => expect.fail('it started'),
    (error: Error) => error.message,
  );
}

const ROUTER = ['--router', `router.example.org:8443|${'11'.repeat(32)}`];

describe('a provider that nothing says how to reach', () => {
  it('names at once the missing settings, and the command that was typed', async () => {
    const start = await findProblems([], { say });
    expect(start).toContain('--router (which names a relay), --public-endpoint or --relay');
    expect(start).toContain('--model is required, each with its --model-id and a --price');
    const serve = await findProblems([]);
    expect(serve).toContain('--public-endpoint or --relay');
    expect(serve).not.toContain('which names a relay');
  });

  it('asks its routers for relays where it is started by start, and by serve has to say so', async () => {
    expect(await findProblems(ROUTER, { say })).not.toContain('--public-endpoint');
    expect(await findProblems(ROUTER)).toContain('--public-endpoint');
    const asking = await findProblems([...ROUTER, '--relay', 'auto']);
    expect(asking).not.toContain('--public-endpoint');
    expect(asking).not.toContain('name one by --router');
  });

  it('has to name a router where it asks routers for relays', async () => {
    expect(await findProblems(['--relay', 'auto'], { say })).toContain('name one by --router');
  });
});

it('--join-network changes nothing, and its opposite is refused with the command to use', async () => {
  expect(await findProblems(['--join-network'])).not.toContain('join-network');
  expect(await findProblems(['--no-join-network'])).toContain('use ogong-provider local for this machine alone');
});
