import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { loadMeshIdentity, loadMeshValidator, signingKeyPath } from '@ogong/devnet/mesh/mesh-identities';
import { parseReadyLine, type ReadyLine } from '@ogong/host/lifecycle/ready-line';
import { toHex } from '@ogong/protocol/base/bytes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findProgram } from '../processes/find-program.ts';
import { createTestDirectory, type TestDirectory } from '../store/test-directory.ts';
import type { NatChainTask } from './nat-chain-child.ts';
import { createNatLab, findNatLabAbsence, type NatLab } from './nat-lab.ts';

const CHAIN = fileURLToPath(new URL('nat-chain-child.ts', import.meta.url));
const STORIES = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));
const MODEL_ID = 'ogong/verified/test/stories';
const program = (path: string): string => findProgram(import.meta.resolve(path));
const RELAYD = program('@ogong/router/bin/ogong-relayd');
const ROUTERD = program('@ogong/router/bin/ogong-routerd');
const VALIDATORD = program('@ogong/validator/bin/ogong-validatord');
const GATEWAYD = program('@ogong/gateway/bin/ogong-gatewayd');
const PROVIDER = program('@ogong/provider/bin/ogong-provider');
const PORT = { chain: 4545, router: 4544, relay: 4547, validator: 4531, gateway: 4546, relayd: 4600, punch: 4700 };
/** Nodes that a network needs, as the help of ogong-relayd says. */
const PUNCH_NODES = 4;
/** The node that is also the relay of its own provider. */
const LAST = PUNCH_NODES - 1;
/** Program of a process in the network: it posts its second argument to the first. */
const ASK = `fetch(process.argv[1], { method: 'POST', headers: { 'content-type': 'application/json' }, body: process.argv[2] })
  .then((response) => response.text()).then(console.log)`;
const patience = { timeout: 180_000, interval: 100 };
const absence = findNatLabAbsence();

type Place = Parameters<NatLab['enter']>[0];

interface Started {
  readonly child: ChildProcess;
  readonly ready: Promise<ReadyLine>;
  /** Every line of both its outputs that is not part of its log. */
  readonly said: readonly string[];
}

describe.skipIf(absence !== '')(`programs behind NATs${absence && ` (${absence})`}`, () => {
  const children: ChildProcess[] = [];
  let lab: NatLab;
  let directory: TestDirectory;
  let cone: Started;
  let symmetric: Started;
  let lastRelay: Started;
  let punchNode: string;

  const at = (port: number): string => `${lab.internetAddress}:${port}`;
  const folder = (name: string): string => join(directory.path, name);
  const pinOf = async (name: string): Promise<string> => toHex((await loadMeshIdentity(directory.path, name)).certHash);

  function start(place: Place, path: string, ...args: string[]): Started {
    const [command = '', ...words] = lab.enter(place);
    const line = [...words, process.execPath, '--disable-warning=ExperimentalWarning', path, ...args];
    const child = spawn(command, line, { stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(child);
    const said: string[] = [];
    const { promise, resolve, reject } = Promise.withResolvers<ReadyLine>();
    promise.catch(() => {});
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on('line', (text) => {
        const ready = text === 'ready' ? { event: 'ready' as const, name: path, pid: 0 } : parseReadyLine(text);
        if (ready) resolve(ready);
        else said.push(text);
      });
    }
    child.once('close', () => reject(new Error(`${path} ended: ${said.join('\n')}`)));
    return { child, ready: promise, said };
  }

  const daemon = (place: Place, path: string, name: string, ...args: string[]): Started =>
    start(place, path, ...args, '--data-dir', folder(name), '--log-level', 'warn');
  const onChain = (): string[] => [
    ...['--rpc-url', `http://${at(PORT.chain)}`, '--deployment', folder('deployment.json')],
  ];
  const routers = async (): Promise<string[]> => ['--router', `${at(PORT.router)}|${await pinOf('router')}`];

  /** `ogong-provider start` of the smallest model. */
  const provide = (place: Place, ...args: string[]): Started =>
    daemon(
      place,
      PROVIDER,
      place,
      ...['start', '--model', `file:${STORIES}`, '--model-id', MODEL_ID, '--price', '1000', ...args],
      ...['--models-dir', folder('models'), '--announce-interval', '1s', ...onChain()],
    );

  /** One gateway, restarted with other settings on the same data. */
  async function gate(...args: string[]): Promise<Started> {
    const flags = [...(await routers()), ...onChain(), '--bind', `127.0.0.1:${PORT.gateway}`, ...args];
    const started = daemon('caller', GATEWAYD, 'gateway', ...flags);
    await started.ready;
    return started;
  }

  /** Asks the gateway one question from its own machine. @returns `served`, or the error. */
  function ask(): string {
    const body = { model: MODEL_ID, messages: [{ role: 'user', content: 'Once upon a time' }], max_tokens: 8 };
    const url = `http://127.0.0.1:${PORT.gateway}/v1/chat/completions`;
    const [command = '', ...words] = lab.enter('caller');
    const line = [...words, process.execPath, '-e', ASK, url, JSON.stringify(body)];
    const text = execFileSync(command, line, { encoding: 'utf8' });
    const answer = JSON.parse(text) as { choices?: { message: { content: string } }[]; error?: { message: string } };
    return answer.choices?.[0]?.message.content ? 'served' : (answer.error?.message ?? text);
  }

  async function end({ child }: Started, signal: NodeJS.Signals): Promise<void> {
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill(signal);
    await ended;
  }

  beforeAll(async () => {
    lab = createNatLab();
    directory = createTestDirectory('nat-programs');
    const task: NatChainTask = {
      ...{ host: lab.internetAddress, port: PORT.chain, directory: directory.path, provider: 'cone' },
      ...{ deploymentFile: folder('deployment.json'), validatorEndpoint: at(PORT.validator) },
      ...{ model: STORIES, modelId: MODEL_ID },
    };
    const chain = start('internet', CHAIN, JSON.stringify(task));
    punchNode = at(PORT.punch);
    const relayd = (i: number, ...args: string[]): Started => {
      const binds = ['--bind', at(PORT.relayd + i), '--punch-bind', at(PORT.punch + i)];
      return daemon('internet', RELAYD, `relay-${i}`, ...binds, ...args);
    };
    await relayd(0).ready;
    const others = Array.from({ length: LAST }, (_, i) => relayd(i + 1, '--punch-bootstrap', punchNode));
    lastRelay = others.at(-1) as Started;
    await Promise.all([chain.ready, ...others.map(({ ready }) => ready)]);
    const { address } = await loadMeshValidator(directory.path, 'validator');
    const validator = daemon(
      ...(['internet', VALIDATORD, 'validator', '--bind', at(PORT.validator), '--account', address] as const),
      ...['--signing-keypair', signingKeyPath(folder('validator')), ...onChain()],
      ...['--transaction-keypair', join(folder('validator'), 'ledger.key')],
      ...['--epoch-ms', '2000', '--audit-window', '30s'],
    );
    const flags = ['--bind', at(PORT.router), '--relay', at(PORT.relay), '--refresh-interval', '1s'];
    const router = daemon('internet', ROUTERD, 'router', ...flags, ...onChain());
    await Promise.all([validator.ready, router.ready]);
    cone = provide('cone', ...(await routers()), '--punch-bootstrap', punchNode);
    symmetric = provide('symmetric', '--relay', `${at(PORT.relayd + LAST)}|${await pinOf(`relay-${LAST}`)}`);
    await Promise.all([cone.ready, symmetric.ready]);
  }, 180_000);
  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
    lab?.close();
    directory?.remove();
  });

  it("are served from behind a cone NAT by a router's relay, and by a punched hole if the relay carries nothing", async () => {
    const plain = await gate();
    await expect.poll(ask, patience).toBe('served');
    // From here on nothing from the gateway's machine reaches the relay, which alone had led it to the provider.
    lab.block('caller', PORT.relay);
    expect(ask()).toBe('The provider failed (unreachable)');
    await end(plain, 'SIGTERM');
    await gate('--punch-bootstrap', punchNode);
    await expect.poll(ask, patience).toBe('served');
  }, 180_000);

  it('report their address at the relay, their routes for others, and a working call to themselves', async () => {
    const status = (start: RegExp) =>
      expect.poll(() => cone.said, patience).toContainEqual(expect.stringMatching(start));
    const relay = at(PORT.relay).replaceAll('.', '\\.');
    const seen = lab.publicAddressOf('cone').replaceAll('.', '\\.');
    await status(
      new RegExp(
        `^others reach this provider at punch/[0-9a-f]{64},relay/${relay}; the relay ${relay} sees it at ${seen}$`,
      ),
    );
    await status(/^a call to itself that way is answered, after \d+ ms$/);
  }, 180_000);

  it('find by their own test that nobody reaches them behind a symmetric NAT after their relay has ended', async () => {
    const relay = at(PORT.relayd + LAST);
    const endpoint = `others reach this provider at relay/${relay}; the relay ${relay}`;
    const seen = `${endpoint} sees it at ${lab.publicAddressOf('symmetric')}`;
    const works = 'a call to itself that way is answered';
    const hears = (line: string, from = 0) =>
      expect.poll(() => symmetric.said.slice(from), patience).toContainEqual(expect.stringContaining(line));
    await hears(seen);
    await hears(works);
    // Its output before the registration does not count.
    const before = symmetric.said.length;
    await end(lastRelay, 'SIGKILL');
    await hears(`${endpoint} does not have it yet`, before);
    await hears('a call to itself that way fails: cannot reach', before);
  }, 180_000);
});
