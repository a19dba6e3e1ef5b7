import { toHex } from '@ogong/protocol/base/bytes';
import { signAllotment, submitAllotment } from '../settlement/allotment.ts';
import { assertFound, createCommand } from './command.ts';
import { allotConfig } from './command-configs.ts';
import { signOrSubmit } from './shared-action.ts';

const NOTHING = 'no tally is due: no period is over, or no account earned anything in it';

export const allot = createCommand(allotConfig, ({ until: seconds, signature: signatures, ...values }, name) => {
  const until = seconds === undefined ? undefined : BigInt(seconds);
  return signOrSubmit(values, {
    ...{ name, signatures },
    contract: ({ emission }) => assertFound(emission, name, 'this network has no emission'),
    async submit(context, client) {
      const transaction = await submitAllotment(context, client, { signatures, until });
      return { outcome: 'allotted', transaction: assertFound(transaction, name, NOTHING) };
    },
    async sign(context, client) {
      const signed = assertFound(await signAllotment(context, client, until), name, NOTHING);
      const { number, root, signature } = signed;
      const answer = { outcome: 'signed', number, until: `${signed.until}`, units: `${signed.units}` };
      return { ...answer, root: `0x${toHex(root)}`, signature: `0x${toHex(signature)}` };
    },
  });
});
