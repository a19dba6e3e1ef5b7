import type { ChainClient } from '@ogong/chain/client';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import type { Verb } from '@ogong/host/lifecycle/command-group';
import { EXIT } from '@ogong/host/log/errors';
import { type ActingClient, act, actionFields } from './act.ts';
import { unitsOf } from './amount.ts';
import {
  assertOneSubject,
  choosePenalty,
  describeSubject,
  listHeldPenalties,
  numberFields,
  readHearingName,
  subjectFields,
  toSubject,
} from './case-subject.ts';

const EXAMPLE = '--keypair <path> --deployment deployment.json';

const readNow = ({ transactor }: Pick<ChainClient, 'transactor'>, blockNumber?: bigint): Promise<bigint> =>
  transactor.read('the time', async (client) => {
    const { timestamp } = await client.getBlock(blockNumber === undefined ? {} : { blockNumber });
    return timestamp;
  });

const appealConfig = defineConfig({
  name: 'ogong case appeal',
  examples: [`ogong case appeal --case 3 ${EXAMPLE} --dry-run`, `ogong case appeal --provider <id> ${EXAMPLE}`],
  summary:
    'Asks for a panel of validators that may lift a case, an ejection or penalties, or freeze the earnings of a key. Anybody may appeal, until the time for it\n' +
    'is over. Against a case it costs nothing but fees. Otherwise it takes a deposit, which comes back if the panel agrees, and is the\n' +
    "treasury's otherwise.",
  fields: { ...actionFields, ...subjectFields },
});

export const appealVerb: Verb = {
  summary: 'ask for a panel that may lift a decision',
  async run(argv, output) {
    const program = 'ogong case appeal';
    const parsed = appealConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { case: id, provider, payee, freeze, ...values } = parsed.values;
    const flags = { case: id, provider, payee, freeze };
    assertOneSubject(program, flags);
    let told: Readonly<Record<string, unknown>> = {};
    return act(program, values, output, {
      does: freeze === undefined ? `appeal against ${describeSubject(flags)}` : `ask for ${describeSubject(flags)}`,
      fields: () => told,
      async run(writes, client) {
        const deposit = id === undefined ? await client.appealDeposit() : 0n;
        await assertAppealable(program, client, flags);
        await assertHas(program, client, deposit);
        const { token } = unitsOf(client.deployment);
        if (deposit > 0n) output.writeError(`the deposit is ${client.format(deposit, token)}\n`);
        const receipt = await writes.appeal(toSubject(flags, 0n), deposit);
        // A freeze is named by the day of the block that has the request.
        const now = await readNow(client, client.isDry ? undefined : receipt.blockNumber);
        const subject = await readHearingName(client, toSubject(flags, now));
        told = { subject, deposit: `${deposit}` };
        output.writeError('validators draw the panel a block later, and anybody may: ogong case draw\n');
      },
    });
  },
};

/** Before an approval is sent for an appeal that the contract refuses. @throws ConfigError */
async function assertAppealable(
  program: string,
  client: ActingClient,
  { provider, payee }: { readonly provider?: string | undefined; readonly payee?: string | undefined },
): Promise<void> {
  if (payee !== undefined && (await client.heldPenaltyOf(`0x${payee}`)).amountAtomic === 0n)
    throw new ConfigError(program, [`penalties hold nothing of 0x${payee}`]);
  if (provider === undefined) return;
  const { since } = await client.ejectionOf(`0x${provider}`);
  if (since === 0n) throw new ConfigError(program, [`provider ${provider} is not ejected`]);
  const until = since + BigInt(await client.appealDelay());
  if ((await readNow(client)) >= until)
    throw new ConfigError(program, [`the appeal is over since ${new Date(Number(until) * 1_000).toISOString()}`]);
}

/** @throws ConfigError that names the missing amount: the token's own refusal does not. */
async function assertHas(program: string, client: ActingClient, deposit: bigint): Promise<void> {
  const has = await client.balanceOf(client.address);
  if (has >= deposit) return;
  const { token } = unitsOf(client.deployment);
  const [own, wanted] = [has, deposit].map((one) => client.format(one, token));
  throw new ConfigError(program, [`${client.address} has ${own}, and the deposit is ${wanted}`]);
}

async function explainNoAppeal(client: ActingClient, flags: Parameters<typeof describeSubject>[0]): Promise<string> {
  const { payee, number } = flags;
  if (payee === undefined) return `nobody appealed against ${describeSubject(flags)}`;
  const held = (await listHeldPenalties(client, `0x${payee}`)).map(({ penalty }) => penalty);
  const which = number === undefined ? describeSubject(flags) : `penalty ${number} of 0x${payee}`;
  const listed = held.length === 0 ? 'none is held' : `held are ${held.join(', ')}`;
  return `nobody appealed against ${which}: ${listed}`;
}

/** Number of the ejection or penalty; undefined for the last one. */
const readNumber = async (
  program: string,
  client: ActingClient,
  { payee, number }: { readonly payee: string | undefined; readonly number: number | undefined },
  verb: 'draw' | 'forfeit',
): Promise<number | undefined> =>
  payee === undefined || number !== undefined ? number : choosePenalty(program, client, { payee: `0x${payee}`, verb });

const drawConfig = defineConfig({
  name: 'ogong case draw',
  examples: [`ogong case draw --case 3 ${EXAMPLE}`],
  summary:
    'Draws the panel of an appeal, a block or more after it, and shows its members. Anybody may; validators do it in turns by themselves.',
  fields: { ...actionFields, ...subjectFields, ...numberFields },
});

export const drawVerb: Verb = {
  summary: 'draw the panel of an appeal',
  async run(argv, output) {
    const program = 'ogong case draw';
    const parsed = drawConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { case: id, provider, payee, freeze, number, period, ...values } = parsed.values;
    const flags = { case: id, provider, payee, freeze, number, period };
    assertOneSubject(program, flags);
    let told: Readonly<Record<string, unknown>> = {};
    return act(program, values, output, {
      does: `draw the panel on ${describeSubject(flags)}`,
      fields: () => told,
      async run(writes, client) {
        const chosen = await readNumber(program, client, flags, 'draw');
        const subject = await readHearingName(client, toSubject(flags, await readNow(client)), chosen);
        const before = await client.hearingOf(subject);
        if (before.drawnFrom === 0n) throw new ConfigError(program, [await explainNoAppeal(client, flags)]);
        if (before.panel.length === 0) await writes.drawPanel(subject);
        const { panel } = before.panel.length === 0 && !client.isDry ? await client.hearingOf(subject) : before;
        told = { subject, panel };
        for (const seat of panel) output.writeError(`panel  ${seat}\n`);
        if (panel.length === 0 && !client.isDry) {
          output.writeError(
            'the chain no longer knows the hash of the block that should draw: a later block draws now; draw again after it\n',
          );
        }
      },
    });
  },
};

const forfeitConfig = defineConfig({
  name: 'ogong case forfeit',
  examples: [`ogong case forfeit --provider <id> --number 1 ${EXAMPLE}`],
  summary: 'Pays the treasury the deposit of an appeal that came to nothing, once the appeal is over. Anybody may.',
  fields: { ...actionFields, ...subjectFields, ...numberFields },
});

export const forfeitVerb: Verb = {
  summary: 'pay the treasury the deposit of an appeal in vain',
  async run(argv, output) {
    const program = 'ogong case forfeit';
    const parsed = forfeitConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { case: id, provider, payee, freeze, number, period, ...values } = parsed.values;
    const flags = { case: id, provider, payee, freeze, number, period };
    assertOneSubject(program, flags);
    if (id !== undefined) throw new ConfigError(program, ['--case: an appeal against a case puts no deposit down']);
    let told: Readonly<Record<string, unknown>> = {};
    return act(program, values, output, {
      does: `pay the treasury the deposit of the appeal against ${describeSubject(flags)}`,
      fields: () => told,
      async run(writes, client) {
        const chosen = await readNumber(program, client, flags, 'forfeit');
        const subject = await readHearingName(client, toSubject(flags, await readNow(client)), chosen);
        const { amount } = await client.appealDepositOf(subject);
        told = { subject, amount: `${amount}` };
        output.writeError(`the deposit is ${client.format(amount, unitsOf(client.deployment).token)}\n`);
        if (amount > 0n) await writes.forfeitDeposit(subject);
      },
    });
  },
};
