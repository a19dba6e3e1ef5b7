import type { Deployment } from '@ogong/chain/deployment';
import { domainOf } from '@ogong/chain/domain';
import { ConfigError } from '@ogong/host/config/config-error';
import { hashEvidence, readEvidence } from '@ogong/host/config/read-evidence';
import type { JudgedEvidence } from '@ogong/host/views/judge-by-chain';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Conviction } from '@ogong/protocol/settlement/conviction';
import type { KeyOptions } from '../open-keys.ts';
import { signCharge, signConviction, submitCharge, submitConviction } from '../settlement/conviction.ts';
import { type CommandAnswer, createCommand } from './command.ts';
import { convictConfig } from './command-configs.ts';
import { type ActionContext, signOrSubmit } from './shared-action.ts';

export const convict = createCommand(
  convictConfig,
  async ({ evidence: path, signature: signatures, offence, accused, reporter, ...values }, name) => {
    if ((offence === undefined) !== (accused === undefined)) {
      throw new ConfigError(name, ['give --offence and --accused together']);
    }
    if (offence !== undefined && accused !== undefined) {
      const charge = { offence, accused, reporter: reporter ?? new Uint8Array(20), evidence: hashEvidence(name, path) };
      return convictByCharge(charge, { name, values, signatures });
    }
    const evidence = readEvidence(name, path);
    const withEscrow = <C extends ActionContext>(context: C) => ({
      ...{ ...context, ledger: domainOf(context.deployment, context.deployment.escrow), reporter },
    });
    const assertConvicts = <T>(done: T | undefined, judged: JudgedEvidence): T => {
      if (done !== undefined) return done;
      const findings = JSON.stringify({ outcome: 'not convicted', ...describe(judged) });
      throw new ConfigError(name, [`the evidence in ${path} does not convict: see the checks that fail`, findings]);
    };
    return signOrSubmit(values, {
      ...{ name, signatures, contract: nameCases },
      async submit(context, client) {
        const { judged, transaction } = await submitConviction(withEscrow(context), client, { evidence, signatures });
        return {
          outcome: 'convicted',
          ...describe(judged),
          transaction: assertConvicts(transaction, judged),
        };
      },
      async sign(context, client) {
        const { judged, signed } = await signConviction(withEscrow(context), client, evidence);
        const { conviction, signature } = assertConvicts(signed, judged);
        return { outcome: 'signed', ...describe(judged), conviction, signature: `0x${toHex(signature)}` };
      },
    });
  },
);

const nameCases = ({ cases }: Deployment) => cases;

const describe = ({ claim: { payer, validator, heldAtomic }, capacityAtomic, checks }: JudgedEvidence) => ({
  ...{ validator: `0x${toHex(validator)}`, payer: `0x${toHex(payer)}` },
  ...{ heldAtomic: `${heldAtomic}`, capacityAtomic: `${capacityAtomic}`, checks },
});

/** Convicts by a charge that the operator has checked itself. */
function convictByCharge(
  charge: Omit<Conviction, 'conviction'>,
  {
    name,
    values,
    signatures,
  }: { readonly name: string; readonly values: KeyOptions; readonly signatures: readonly Uint8Array[] },
): Promise<CommandAnswer> {
  const { offence } = charge;
  const evidence = `0x${toHex(charge.evidence)}`;
  return signOrSubmit(values, {
    ...{ name, signatures, contract: nameCases },
    async submit(context, client) {
      const transaction = await submitCharge(context, client, { charge, signatures });
      return { outcome: 'convicted', offence, evidence, transaction };
    },
    async sign(context, client) {
      const { conviction, signature } = await signCharge(context, client, charge);
      return { outcome: 'signed', offence, evidence, conviction, signature: `0x${toHex(signature)}` };
    },
  });
}
