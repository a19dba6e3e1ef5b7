import { join } from 'node:path';
import { domainOf } from '@ogong/chain/domain';
import { type AppealSubject, FREEZE_PERIOD_S } from '@ogong/chain/validators/cases';
import { ConfigError } from '@ogong/host/config/config-error';
import type { Values } from '@ogong/host/config/field';
import { RELEASED } from '@ogong/host/store/releases';
import { openStore } from '@ogong/host/store/store';
import { systemClock } from '@ogong/host/time/clock';
import { toHex } from '@ogong/protocol/base/bytes';
import { openKeys } from '../open-keys.ts';
import { signAcquittal, submitAcquittal } from '../settlement/acquittal.ts';
import { signPardon, submitPardon } from '../settlement/pardon.ts';
import { approveReinstatement } from '../settlement/reinstate.ts';
import { VALIDATOR_SCHEMA } from '../store/schema.ts';
import { assertFound, createCommand } from './command.ts';
import { acquitConfig, pardonConfig, reinstateConfig } from './command-configs.ts';
import { signOrSubmit } from './shared-action.ts';

export const reinstate = createCommand(reinstateConfig, async ({ provider, ...values }, name) => {
  const { deployment, openSigner, connect } = await openKeys(name, values);
  const { signer, close } = await openSigner();
  const store = openStore(join(values.dataDir, 'validator.db'), {
    schema: VALIDATOR_SCHEMA,
    upgrades: RELEASED.validator,
  });
  try {
    const state = { signer, domain: domainOf(deployment, deployment.settlement), store };
    const approved = await approveReinstatement(state, await connect(), provider);
    const ejection = assertFound(approved, name, `provider ${toHex(provider)} is not ejected`);
    return { outcome: 'approved', provider: toHex(provider), ejection, validator: `0x${toHex(signer.address)}` };
  } finally {
    store.close();
    await close();
  }
});

export const pardon = createCommand(pardonConfig, ({ payee, signature: signatures, ...values }, name) => {
  const nothing = `no penalty holds stake of 0x${toHex(payee)}`;
  return signOrSubmit(values, {
    ...{ name, signatures, contract: ({ settlement }) => settlement },
    async submit(context, client) {
      const transaction = assertFound(await submitPardon(context, client, { payee, signatures }), name, nothing);
      return { outcome: 'pardoned', payee: `0x${toHex(payee)}`, transaction };
    },
    async sign(context, client) {
      const signed = assertFound(await signPardon(context, client, payee), name, nothing);
      const { penalty, amountAtomic, signature } = signed;
      const answer = { outcome: 'signed', payee: `0x${toHex(payee)}`, penalty, amountAtomic: `${amountAtomic}` };
      return { ...answer, signature: `0x${toHex(signature)}` };
    },
  });
});

export const acquit = createCommand(acquitConfig, ({ signature: votes, ...values }, name) => {
  const subject = readSubject(values, name);
  return signOrSubmit(values, {
    ...{ name, signatures: votes, contract: ({ hearings }) => hearings },
    submit: async (context, client) => ({
      outcome: 'lifted',
      transaction: await submitAcquittal(context, client, { subject, votes }),
    }),
    async sign(context, client) {
      const signed = await signAcquittal(context, client, subject);
      const signature = assertFound(signed, name, 'this validator is not on the panel of an appeal');
      return { outcome: 'signed', signature: `0x${toHex(signature)}` };
    },
  });
});

type AcquitValues = Values<(typeof acquitConfig)['definition']['fields']>;

/** @throws ConfigError unless exactly one is named. */
function readSubject(
  { case: id, provider, payee, freeze, period }: Omit<AcquitValues, 'signature'>,
  name: string,
): AppealSubject {
  const subjects: AppealSubject[] = [];
  if (id !== undefined) subjects.push({ case: id });
  if (provider !== undefined) subjects.push({ ejected: provider });
  if (payee !== undefined) subjects.push({ penalized: payee });
  if (freeze !== undefined) {
    subjects.push({ freeze, period: period ?? Math.floor(systemClock.nowMs() / 1_000 / FREEZE_PERIOD_S) });
  }
  const [subject] = subjects;
  if (subject === undefined || subjects.length > 1) {
    throw new ConfigError(name, ['give one of --case, --provider, --payee and --freeze']);
  }
  return subject;
}
