import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { computeAddress, generatePrivateKey } from '@ogong/chain/keys';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { Secret } from '@ogong/host/crypto/secret';
import { createTableFile, writeTableFile } from '@ogong/host/drift-table/table-file';
import { parseReadyLine, type ReadyLine } from '@ogong/host/lifecycle/ready-line';
import { createLinkIdentity } from '@ogong/host/link/link-identity';
import { createLinkPool } from '@ogong/host/link/link-pool';
import { fromHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { keepChainFresh } from '@ogong/testing/chain/fresh-chain';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { findProgram } from '@ogong/testing/processes/find-program';
import { createTestPolicy } from '@ogong/testing/validator/drift-fixture';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const PROGRAM = findProgram(new URL('./bin/ogong-validatord.ts', import.meta.url));
const SIGNER = findProgram(new URL('./bin/ogong-signerd.ts', import.meta.url));

/** One validator, which is its own quorum, as a process. */
describe('ogong-validatord', { timeout: 300_000 }, () => {
  let ledger: TestLedger;
  let directory: string;
  let port: number;
  const running: ChildProcess[] = [];

  beforeAll(async () => {
    ledger = await startTestLedger();
  });
  afterAll(() => ledger?.stop());
  keepChainFresh(() => ledger);

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'ogong-validatord-'));
    writeFileSync(
      join(directory, 'deployment.json'),
      JSON.stringify({ ...ledger.deployment, rpcUrl: ledger.chain.rpcUrl }),
    );
    [port = 0] = await findFreePorts(1);
  });
  afterEach(async () => {
    const ends = running.splice(0).map((child) => {
      const isOver = child.exitCode !== null || child.signalCode !== null;
      const ended = isOver ? undefined : new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      return ended;
    });
    // A process that still runs could send a transaction to the chain of the next test.
    await Promise.all(ends);
    rmSync(directory, { recursive: true, force: true });
  });

  function launch(args: readonly string[], deployment = 'deployment.json', program = PROGRAM) {
    const env = { ...process.env, OGONG_DEPLOYMENT: join(directory, deployment) };
    const child = spawn(process.execPath, [program, ...args, '--data-dir', join(directory, 'data')], { env });
    running.push(child);
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
    const firstLine = new Promise<string>((resolve, reject) => {
      createInterface(child.stdout).once('line', resolve);
      void ended.then((code) => reject(new Error(`ended with ${code}: ${errors}`)));
    });
    return { child, ended, firstLine, errors: () => errors };
  }

  const serve = () => launch(['--bind', `127.0.0.1:${port}`, '--epoch-ms', '200', '--registry-interval', '1s']);
  const ready = async (line: Promise<string>): Promise<ReadyLine> => parseReadyLine(await line) as ReadyLine;
  const register = () => launch(['register', '--bond', String(100n * unit), '--endpoint', `127.0.0.1:${port}`]);

  /** Gives an account the coin and the tokens for its registration. */
  async function endow(validator: `0x${string}`): Promise<void> {
    await ledger.chain.setBalance(validator, 10n * unit);
    await ledger.governor.transfer(validator, 100n * unit);
  }

  /** Writes the key of an account that can register. A daemon need not start for it. @returns the account's address. */
  async function createAccount(): Promise<`0x${string}`> {
    const key = generatePrivateKey();
    mkdirSync(join(directory, 'data'), { mode: 0o700 });
    writeFileSync(join(directory, 'data', 'ledger.key'), key.slice(2), { mode: 0o600 });
    const account = computeAddress(key);
    await endow(account);
    return account;
  }

  /** Starts and stops the daemon, which creates its key and its database, and endows its account. @returns the account's address. */
  async function fund(): Promise<`0x${string}`> {
    const first = serve();
    const { validator } = (await ready(first.firstLine)) as ReadyLine & { validator: `0x${string}` };
    expect(first.errors()).not.toMatch(/"level":"(warn|error|fatal)"/);
    first.child.kill('SIGTERM');
    expect(await first.ended).toBe(0);
    await endow(validator);
    return validator;
  }

  it('says what registration lacks, then registers, once', async () => {
    const poor = register();
    await poor.firstLine.catch(() => undefined);
    expect(await poor.ended).toBe(64);
    // It lacks coin or a stake, which its operator can mend: the chain did answer.
    expect(poor.errors()).toMatch(/^ogong-validatord: /);

    const validator = await fund();
    expect(JSON.parse(await register().firstLine)).toMatchObject({ outcome: 'registered', validator });
    expect(JSON.parse(await register().firstLine)).toMatchObject({ outcome: 'unchanged', validator });
  });

  it('certifies beacons, and continues after it was killed', async () => {
    await createAccount();
    await register().ended;
    const identity = createLinkIdentity(new Secret(crypto.sha256(utf8Encode('somebody'))));
    let reached = 0n;
    for (let life = 0; life < 2; life++) {
      const daemon = serve();
      const { consensusId } = (await ready(daemon.firstLine)) as ReadyLine & { consensusId: string };
      const links = createLinkPool({ identity, dialPolicy: 'any' });
      const service = links.to(ValidatorService, { endpoint: `127.0.0.1:${port}`, certHash: fromHex(consensusId) });
      const goal = reached + 2n;
      for (;;) {
        const known = await service.getBeacon({ epoch: goal }).then(
          () => true,
          () => false,
        );
        if (known) break;
        await delay(100);
      }
      reached = goal;
      links.close();
      daemon.child.kill('SIGKILL');
      await daemon.ended;
    }
    expect(reached).toBe(4n);
  });

  it('certifies beacons without the key of its account, which a signer of its own signs for', async () => {
    const account = await createAccount();
    const { signingKey, consent } = JSON.parse(await launch(['consent', '--account', account]).firstLine);
    const naming = launch(['set-signer', '--signing-key', signingKey, '--consent', consent]);
    expect(JSON.parse(await naming.firstLine)).toMatchObject({ validator: account, signingKey });
    await register().ended;
    // The key of the account leaves the machine.
    const data = join(directory, 'data');
    rmSync(join(data, 'ledger.key'));
    const fees = join(directory, 'fees.key');
    writeFileSync(fees, '07'.repeat(32), { mode: 0o600 });
    const socket = join(directory, 'socket', 's');
    const key = ['--keypair', join(data, 'signing.key'), '--account', account, '--socket', socket];
    const signer = launch(key, undefined, SIGNER);
    await signer.firstLine;
    const flags = ['--bind', `127.0.0.1:${port}`, '--epoch-ms', '200', '--registry-interval', '1s'];
    const daemon = launch([...flags, '--signer', socket, '--transaction-keypair', fees]);
    const line = (await ready(daemon.firstLine)) as ReadyLine & { consensusId: string };
    expect(line).toMatchObject({ validator: account, signingKey });
    const identity = createLinkIdentity(new Secret(crypto.sha256(utf8Encode('somebody'))));
    const links = createLinkPool({ identity, dialPolicy: 'any' });
    const service = links.to(ValidatorService, { endpoint: `127.0.0.1:${port}`, certHash: fromHex(line.consensusId) });
    const isCertified = (epoch: bigint) =>
      service.getBeacon({ epoch }).then(
        () => true,
        () => false,
      );
    while (!(await isCertified(2n))) await delay(100);
    links.close();
    expect(daemon.errors()).not.toMatch(/"level":"(error|fatal)"/);
    daemon.child.kill('SIGTERM');
    expect(await daemon.ended).toBe(0);
    signer.child.kill('SIGTERM');
    expect(await signer.ended).toBe(0);
  });

  it('admits no orders while it is drained, tells callers so, and logs when its log is settled', async () => {
    await createAccount();
    const flags = ['--bind', `127.0.0.1:${port}`, '--epoch-ms', '200', '--settle-interval', '100ms', '--drain'];
    const daemon = launch(flags);
    const { consensusId } = (await ready(daemon.firstLine)) as ReadyLine & { consensusId: string };
    const identity = createLinkIdentity(new Secret(crypto.sha256(utf8Encode('somebody'))));
    const links = createLinkPool({ identity, dialPolicy: 'any' });
    const service = links.to(ValidatorService, { endpoint: `127.0.0.1:${port}`, certHash: fromHex(consensusId) });
    expect(await service.getBeacon({ epoch: 0n })).toMatchObject({ draining: true });
    const order = { order: new Uint8Array(1), signature: new Uint8Array(65) };
    await expect(service.admit({ order, consent: {} })).rejects.toMatchObject({
      refusal: 'unavailable',
      message: expect.stringContaining('admits no orders'),
    });
    await expect.poll(daemon.errors).toContain('drained: the whole log is settled');
    links.close();
    daemon.child.kill('SIGTERM');
    expect(await daemon.ended).toBe(0);
  });

  it('opens no database of other contracts', async () => {
    await fund();
    const { escrow } = ledger.deployment;
    const other = { ...ledger.deployment, rpcUrl: ledger.chain.rpcUrl, escrow: ledger.deployment.token };
    writeFileSync(join(directory, 'other.json'), JSON.stringify(other));
    const refused = launch(['--bind', '127.0.0.1:0', '--epoch-ms', '60000'], 'other.json');
    await refused.firstLine.catch(() => undefined);
    expect(await refused.ended).not.toBe(0);
    expect(refused.errors().toLowerCase()).toContain(`is of the contracts ${escrow.toLowerCase()} on chain`);
  });

  it('does not start if payers may take their reserve back before its audits end', async () => {
    await createAccount();
    const refused = launch(['--bind', '127.0.0.1:0', '--epoch-ms', '60000', '--audit-window', '60m']);
    await refused.firstLine.catch(() => undefined);
    expect(await refused.ended).not.toBe(0);
    expect(refused.errors()).toContain('payers may take their reserve back after 86400 s');
  });

  it('starts with the drift table that the chain names, and with no other', async () => {
    const path = join(directory, 'table.json');
    const file = createTableFile(crypto, createTestPolicy().table);
    writeTableFile(path, file);
    const judge = () => launch(['--bind', '127.0.0.1:0', '--epoch-ms', '60000', '--drift-table', path]);
    const startAndStop = async (): Promise<string> => {
      const daemon = judge();
      await ready(daemon.firstLine);
      daemon.child.kill('SIGTERM');
      expect(await daemon.ended).toBe(0);
      return daemon.errors();
    };
    expect(await startAndStop()).toContain("the operator's own is used");
    await ledger.governor.setDriftTable({ hash: new Uint8Array(32).fill(1), version: 1n });
    const refused = judge();
    await refused.firstLine.catch(() => undefined);
    expect(await refused.ended).not.toBe(0);
    expect(refused.errors()).toContain(`the chain names ${'01'.repeat(32)} (version 1): get that table`);
    await ledger.governor.setDriftTable({ hash: file.hash, version: 2n });
    expect(await startAndStop()).toContain('the drift table that the chain names is loaded');
  });
});
