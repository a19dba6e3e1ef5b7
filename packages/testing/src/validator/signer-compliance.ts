import { nobleBls } from '@ogong/protocol/crypto/noble-bls';
import {
  encodeShareMessage,
  hashStatement,
  type ValidatorSigner,
  type ValidatorStatement,
} from '@ogong/protocol/settlement/validator-statement';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type BatchStatement,
  createTestLog,
  signerAccount,
  signerKey,
  signerShare,
  stateAdmission,
  stateAllotment,
  stateBatch,
  stateComplaint,
  stateConsent,
  stateConviction,
  stateDeal,
  stateHeld,
  stateIntake,
  stateMachine,
  stateMachineRevocation,
  stateOutcome,
  statePardon,
  stateQuorumKey,
  stateReinstatement,
  stateRetirement,
  stateReveal,
  stateSilence,
  stateVote,
} from './signer-statements.ts';
import { testCrypto as crypto } from './test-crypto.ts';

export interface SignerUnderTest {
  readonly signer: ValidatorSigner;
  /** The same signer after a restart, over the same disk. */
  restart(): Promise<ValidatorSigner>;
  close(): Promise<void>;
}

const log = createTestLog(['a', 'b', 'c']);
const longer = createTestLog(['a', 'b', 'c', 'd', 'e']);
const forked = createTestLog(['a', 'x', 'c']);
const peer = new Uint8Array(20).fill(9);

/** Tests that every holder of a validator's signing key must pass. @param open with an empty disk, under `signerKey`. */
export function testValidatorSigner(name: string, open: () => Promise<SignerUnderTest>): void {
  describe(`${name} signs for a validator`, () => {
    let opened: SignerUnderTest | undefined;
    afterEach(async () => {
      await opened?.close();
      opened = undefined;
    });
    const start = async () => {
      opened = await open();
      return opened.signer;
    };
    const refused = (signer: ValidatorSigner, statement: ValidatorStatement) =>
      signer.sign(statement).then(
        () => 'signed',
        (error) => error.code,
      );

    it('with its key and nothing else', async () => {
      const signer = await start();
      expect([signer.address, signer.signingKey]).toEqual([signerAccount, signerKey.address]);
      const said = [
        stateBatch(log),
        stateVote('v'),
        stateIntake(),
        stateAdmission(),
        stateHeld(),
        stateConsent(),
        stateSilence(),
        stateReinstatement(),
        statePardon(),
        stateConviction(),
        stateReveal(),
        stateAllotment(),
        stateDeal('deal'),
        stateComplaint(1),
        stateOutcome('transcript'),
        stateRetirement(9n),
        stateMachine(),
        stateMachine('other evidence'),
        stateMachineRevocation(),
      ];
      for (const statement of said) {
        const digest = hashStatement(crypto, statement, signerKey.address);
        const signature = await signer.sign(statement);
        expect(crypto.recoverAddress(digest, signature)).toEqual(signerKey.address);
        // A caller that lost the answer repeats its request.
        expect(await signer.sign(statement)).toEqual(signature);
      }
    });

    it('shares of sums, under the same rules', async () => {
      const { quorumKey, signShare = () => Promise.reject(new Error('it makes no shares')) } = await start();
      expect(quorumKey).toEqual(signerShare.key);
      for (const statement of [stateBatch(log), stateQuorumKey(signerShare.key)]) {
        const share = await signShare(statement);
        const message = encodeShareMessage(crypto, statement, signerKey.address);
        expect(nobleBls.verify(signerShare.key, message, share)).toBe(true);
        const other = encodeShareMessage(crypto, stateReinstatement(), signerKey.address);
        expect(nobleBls.verify(signerShare.key, other, share)).toBe(false);
      }
      await expect(signShare(stateBatch(forked, { to: 2 }))).rejects.toMatchObject({ code: 'conflict' });
      await expect(signShare(stateQuorumKey(signerShare.key, peer))).rejects.toMatchObject({ code: 'foreign' });
    });

    it('and for no other account', async () => {
      const signer = await start();
      expect(await refused(signer, stateIntake(peer))).toBe('foreign');
      expect(await refused(signer, stateAdmission(peer))).toBe('foreign');
      expect(await refused(signer, stateHeld(peer))).toBe('foreign');
      expect(await refused(signer, stateReveal(peer))).toBe('foreign');
      expect(await refused(signer, stateConsent(peer))).toBe('foreign');
      expect(await refused(signer, stateSilence(peer))).toBe('foreign');
      // It signs batches that others settle.
      const theirs = createTestLog(['a'], peer);
      expect(await refused(signer, stateBatch(theirs, { validator: peer }))).toBe('signed');
    });

    it('one log for each validator, under every number, also after a restart', async () => {
      const signer = await start();
      await signer.sign(stateBatch(log, { to: 2 }));
      // The same log, longer and shorter, under the same number; another choice of payers that cannot be drawn.
      await signer.sign(stateBatch(longer));
      await signer.sign(stateBatch(log, { to: 1 }));
      const same = stateBatch(longer);
      await signer.sign({ ...same, summary: { ...same.summary, debitsHash: new Uint8Array(32) } });
      const again = await (opened as SignerUnderTest).restart();
      for (const to of [2, 3]) expect(await refused(again, stateBatch(forked, { to }))).toBe('conflict');
      expect(await refused(again, stateBatch(forked, { from: 2, sequence: 2n }))).toBe('conflict');
      expect(await refused(again, stateBatch(longer, { from: 3, sequence: 2n }))).toBe('signed');
    });

    it('one tally of the emission under each number, also after a restart', async () => {
      const signer = await start();
      await signer.sign(stateAllotment());
      const again = await (opened as SignerUnderTest).restart();
      expect(await refused(again, stateAllotment('another root'))).toBe('conflict');
      expect(await refused(again, stateAllotment('another root', 4))).toBe('signed');
    });

    it('one deal in each attempt at a key of the beacon, and one end of each key, also after a restart', async () => {
      const signer = await start();
      await signer.sign(stateDeal('deal'));
      await signer.sign(stateRetirement(9n));
      const again = await (opened as SignerUnderTest).restart();
      expect(await refused(again, stateDeal('another'))).toBe('conflict');
      expect(await refused(again, stateDeal('another', 4))).toBe('signed');
      expect(await refused(again, stateRetirement(10n))).toBe('conflict');
      expect(await refused(again, stateRetirement(10n, 2))).toBe('signed');
      // Several outcomes of an attempt are valid: the chain accepts one.
      for (const outcome of ['one', 'two']) expect(await refused(again, stateOutcome(outcome))).toBe('signed');
    });

    it('no reply at two positions, and no run of a number from two positions', async () => {
      const signer = await start();
      await signer.sign(stateBatch(log));
      expect(await refused(signer, stateBatch(createTestLog(['a', 'b', 'c', 'a']), { from: 3, sequence: 2n }))).toBe(
        'conflict',
      );
      expect(await refused(signer, stateBatch(longer, { from: 3 }))).toBe('conflict');
      await signer.sign(stateBatch(longer, { from: 3, to: 4, sequence: 2n }));
      expect(await refused(signer, stateBatch(longer, { from: 3, sequence: 3n }))).toBe('conflict');
      expect(await refused(signer, stateBatch(longer, { from: 4, sequence: 3n }))).toBe('signed');
    });

    it('no entries outside the log of the batch', async () => {
      const signer = await start();
      const good = stateBatch(log);
      const bend = (change: Partial<BatchStatement>) => refused(signer, { ...good, ...change });
      expect(await bend({ entries: [] })).toBe('malformed');
      expect(await bend({ entries: log.entries.slice(0, 2) })).toBe('malformed');
      expect(await bend({ entries: [...log.entries].reverse() })).toBe('malformed');
      expect(await bend({ entries: forked.entries })).toBe('malformed');
      expect(await bend({ entries: [new Uint8Array(9)] })).toBe('malformed');
      expect(await bend({ summary: { ...good.summary, logLength: 4n } })).toBe('malformed');
      expect(await bend({ summary: { ...good.summary, validator: peer } })).toBe('malformed');
      expect(await bend({ summary: { ...good.summary, sequence: 1n << 60n } })).toBe('malformed');
      // The guard recorded nothing of it.
      expect(await refused(signer, stateBatch(forked))).toBe('signed');
    });

    it('one choice in a view of the beacon, and never goes back, also after a restart', async () => {
      const signer = await start();
      await signer.sign(stateVote('one', { view: 1 }));
      await signer.sign(stateVote('one', { view: 1, phase: 'commit' }));
      expect(await refused(signer, stateVote('two', { view: 1 }))).toBe('conflict');
      const again = await (opened as SignerUnderTest).restart();
      expect(await refused(again, stateVote('two', { view: 1, phase: 'commit' }))).toBe('conflict');
      expect(await refused(again, stateVote('one', { view: 0 }))).toBe('conflict');
      expect(await refused(again, stateVote('one', { epoch: 4n, view: 9 }))).toBe('conflict');
      expect(await refused(again, stateVote('two', { view: 2 }))).toBe('signed');
      expect(await refused(again, stateVote('three', { epoch: 6n }))).toBe('signed');
    });
  });
}
