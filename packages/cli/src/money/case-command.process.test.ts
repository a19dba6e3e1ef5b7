import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keepMisrouted } from '@ogong/gateway/buy/match/keep-misrouted';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { EXIT } from '@ogong/host/log/errors';
import { fromHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { computeMatchSeed, encodeCandidates, hashCandidates, replayMatch } from '@ogong/protocol/exchange/match';
import { signTicket, type Ticket } from '@ogong/protocol/exchange/ticket';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { caseCommand } from './case-command.ts';

const BOND = 50n * unit;
const fill = (size: number, value: number): Uint8Array => new Uint8Array(size).fill(value);
const modelId = 'ogong/verified/acme/one';
const signer = createNodeHybridSigner(fill(64, 7));
let ledger: TestLedger;
let directory: TestDirectory;
beforeAll(async () => {
  ledger = await startTestLedger({
    ...{ blockTimeMs: 50, delays: { appeal: 3_600 } },
    limits: { minimumRouterBond: BOND, unbondingDelay: 3_600 },
  });
  directory = createTestDirectory('case-command');
  const deployment = { ...ledger.deployment, rpcUrl: ledger.chain.rpcUrl };
  writeFileSync(join(directory.path, 'deployment.json'), JSON.stringify(deployment));
});
afterAll(async () => {
  await ledger?.stop();
  directory?.remove();
});

const candidates = [1, 2].map((n) => ({
  ...{ providerId: fill(32, n), payee: fill(20, n), pricePer1kAtomic: 100n, contextSize: 512, stakeTokens: 0n },
  ...{ heldTokens: 0n, reputationPpm: 500_000, figures: { latencyMs: 0, milliTokensPerSecond: 0 } },
}));
const list = encodeCandidates({
  ...{ modelId, candidates },
  asked: { sort: 'none', maxPricePer1kAtomic: 100n, contextSize: 512, minHeldTokens: 0n },
});
const replyId = fill(16, 3);
const drawn = replayMatch(crypto, list, computeMatchSeed(crypto, replyId));

/** Keeps a gateway's ticket of a router that names one of the two. */
async function keep(router: string, name: string, isDrawn: boolean): Promise<string> {
  const { timestamp } = await ledger.governor.transactor.client.getBlock();
  const { providerId, payee, pricePer1kAtomic, contextSize } = candidates.find(
    ({ providerId: id }) => (id[0] === drawn?.providerId[0]) === isDrawn,
  ) as (typeof candidates)[number];
  const ticket: Ticket = {
    ...{ router: fromHex(router.slice(2)), modelId, providerId, payee, pricePer1kAtomic, contextSize, replyId },
    ...{ providerEndpoint: 'https://one.example', providerCertHash: fill(32, 4), modelRoot: fill(32, 5) },
    ...{ candidatesHash: hashCandidates(crypto, list), issuedAtMs: Number(timestamp) * 1_000 },
    expiresAtMs: (Number(timestamp) + 120) * 1_000,
  };
  const match = { signed: signTicket(signer, ticket), candidates: list };
  return keepMisrouted(join(directory.path, name), match as Parameters<typeof keepMisrouted>[1]) as string;
}

async function run(...argv: readonly string[]) {
  const written: string[] = [];
  const write = (piece: string) => void written.push(piece);
  const code = await caseCommand.run(argv, { write, writeError: write }).catch((error: Error) => error.message);
  return { code, said: written.join('') };
}

describe('ogong case misrouting', () => {
  it("takes a tenth of a router's stake by a gateway's stored ticket, and pays the account that shows it", async () => {
    const [router, reporter] = await Promise.all([ledger.createMember(2n * BOND), ledger.createMember()]);
    await router.client.stake(2n * BOND);
    await router.client.registerRouter(hashHybridKey(crypto, signer.publicKey));
    const keypair = join(directory.path, 'reporter');
    writeFileSync(keypair, reporter.privateKey.slice(2), { mode: 0o600 });
    const by = ['--keypair', keypair, '--deployment', join(directory.path, 'deployment.json')];
    const kept = await keep(router.address, 'lying', false);

    const dry = await run('misrouting', kept, ...by, '--dry-run');
    expect(dry).toMatchObject({ code: EXIT.ok, said: expect.stringContaining('prove a misrouting') });
    expect(await ledger.governor.stakeOf(router.address)).toBe(2n * BOND);

    // After its key change the router stays liable for earlier signatures.
    await router.client.registerRouter(fill(32, 9));
    const { code, said } = await run('misrouting', kept, ...by);
    expect([code, said]).toEqual([EXIT.ok, expect.stringContaining(`against the router ${router.address}: its draw`)]);
    expect(await ledger.governor.stakeOf(router.address)).toBe((2n * BOND * 9n) / 10n);
    const id = (await ledger.governor.caseCount()) - 1;
    expect(await ledger.governor.caseOf(id)).toMatchObject({
      ...{ accused: router.address, offence: 'misrouting', reporter: reporter.address, amount: (2n * BOND) / 10n },
    });
    const again = await run('misrouting', kept, ...by);
    expect(again).toMatchObject({ code: EXIT.ok, said: expect.stringContaining('this is proven already') });
    expect(await ledger.governor.caseCount()).toBe(id + 1);
    await ledger.governor.transactor.client.request({ method: 'evm_increaseTime', params: [3_600] } as never);
    await ledger.governor.transactor.client.request({ method: 'evm_mine' } as never);
    await ledger.governor.closeCase(id);
    expect(await ledger.governor.balanceOf(reporter.address)).toBe((2n * BOND) / 40n);
  });

  it('sends nothing for a file that shows nothing', async () => {
    const router = `0x${'12'.repeat(20)}`;
    const by = ['--keypair', join(directory.path, 'reporter'), '--deployment', join(directory.path, 'deployment.json')];
    const honest = await keep(router, 'honest', true);
    expect((await run('misrouting', honest, ...by)).code).toMatch(/its ticket is what its list gives/);
    const lying = JSON.parse(readFileSync(await keep(router, 'bent', false), 'utf8'));
    const bend = async (change: object): Promise<unknown> => {
      const path = join(directory.path, 'bent.json');
      writeFileSync(path, JSON.stringify({ ...lying, ...change }));
      return (await run('misrouting', path, ...by)).code;
    };
    expect(await bend({ candidates: 'AAAA' })).toMatch(/its list is another/);
    expect(await bend({ signature: Buffer.alloc(2_484).toString('base64') })).toMatch(/not signed by its key/);
    expect(await bend({ ticket: undefined })).toMatch(/it has no ticket/);
    expect(await bend({ ticket: 'AAAA' })).toMatch(/bent.json/);
    expect((await run('nothing')).said).toContain(
      'say list, appeal, draw, close, forfeit, collect, evict, contradiction or misrouting',
    );
  });
});
