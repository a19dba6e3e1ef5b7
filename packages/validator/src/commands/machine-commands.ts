import { join } from 'node:path';
import { domainOf } from '@ogong/chain/domain';
import { ConfigError } from '@ogong/host/config/config-error';
import { hashEvidence } from '@ogong/host/config/read-evidence';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { Refusal } from '@ogong/host/link/link-error';
import { RELEASED } from '@ogong/host/store/releases';
import { openStore } from '@ogong/host/store/store';
import { systemClock } from '@ogong/host/time/clock';
import { toHex } from '@ogong/protocol/base/bytes';
import { checkEjectionProof } from '../machines/eject-machine.ts';
import { readReceiptProof } from '../machines/receipt-proof.ts';
import { openKeys } from '../open-keys.ts';
import { signRevocation, submitRevocation } from '../settlement/revoke-machine.ts';
import { keepProof } from '../store/machine-proof-store.ts';
import { VALIDATOR_SCHEMA } from '../store/schema.ts';
import { assertFound, createCommand } from './command.ts';
import { ejectMachineConfig, revokeMachineConfig } from './command-configs.ts';
import { signOrSubmit } from './shared-action.ts';

export const revokeMachine = createCommand(
  revokeMachineConfig,
  async ({ machine, evidence: path, restore = false, signature: signatures, ...values }, name) => {
    const revoked = { machine, evidence: hashEvidence(name, path), isRevoked: !restore };
    const nothing = `machine ${toHex(machine)} is ${restore ? 'not' : 'already'} revoked`;
    return signOrSubmit(values, {
      ...{ name, signatures },
      contract: ({ machines }) => assertFound(machines, name, 'this network has no registry of machines'),
      async submit(context, client) {
        const transaction = await submitRevocation(context, client, { revoked, signatures });
        return { outcome: restore ? 'restored' : 'revoked', transaction: assertFound(transaction, name, nothing) };
      },
      async sign(context, client) {
        const signed = assertFound(await signRevocation(context, client, revoked), name, nothing);
        const answer = { outcome: 'signed', machine: toHex(machine), number: signed.number };
        return { ...answer, signature: `0x${toHex(signed.signature)}` };
      },
    });
  },
);

export const ejectMachine = createCommand(ejectMachineConfig, async (values, name) => {
  const proof = readReceiptProof(name, values);
  const { deployment, connect } = await openKeys(name, values);
  const judge = { crypto: nodeCrypto, ledger: domainOf(deployment, deployment.escrow) };
  const judged = await checkEjectionProof(judge, await connect(), proof).catch((cause: unknown) => {
    throw cause instanceof Refusal ? new ConfigError(name, [cause.message]) : cause;
  });
  const { evidence: hash, providerId, ejection } = assertFound(judged, name, 'the provider is ejected already');
  const store = openStore(join(values.dataDir, 'validator.db'), {
    schema: VALIDATOR_SCHEMA,
    upgrades: RELEASED.validator,
  });
  try {
    store.transact((db) =>
      keepProof(db, { hash, providerId, ejection, proof, state: 'open', notedMs: systemClock.nowMs() }),
    );
    return { outcome: 'kept', provider: toHex(providerId), ejection, evidence: `0x${toHex(hash)}` };
  } finally {
    store.close();
  }
});
