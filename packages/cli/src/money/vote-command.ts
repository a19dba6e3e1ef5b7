import { describeCall, encodeParameterChange, type Proposal, voteChoices } from '@ogong/chain/validators/government';
import { chainFields } from '@ogong/host/config/common-fields';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { define, hex, oneOf, text } from '@ogong/host/config/values';
import type { Command, Output } from '@ogong/host/lifecycle/command';
import { createCommandGroup, type Verb } from '@ogong/host/lifecycle/command-group';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { openLedger } from '../open-ledger.ts';
import { act, actionFields } from './act.ts';
import { formatTokens, unitsOf } from './amount.ts';
import { completeChange, readParameterChanges } from './parameter-changes.ts';

const EXAMPLE = '--keypair <path> --deployment deployment.json';
const MAX_TITLE = 4_000;
const U256 = 2n ** 256n;

/** The contract numbers proposals by a hash. The first digits are enough if no other number begins with them. */
const proposalNumber = define('a proposal: its number, or the first digits of it', '<number>', (value) =>
  /^\d{1,78}$/.test(value) && BigInt(value) < U256 ? value : undefined,
);
const proposalField = {
  proposal: { schema: proposalNumber, required: true, description: 'number, as `ogong vote list` has it' },
} as const;

/** @throws ConfigError if none or several match */
function findProposal(program: string, proposals: readonly Proposal[], digits: string): Proposal {
  const exact = proposals.find(({ id }) => `${id}` === digits);
  const found = exact ? [exact] : proposals.filter(({ id }) => `${id}`.startsWith(digits));
  const [one] = found;
  if (one !== undefined && found.length === 1) return one;
  throw new ConfigError(program, [
    `--proposal ${digits}: ${found.length === 0 ? 'there is none' : `${found.length} begin so`}`,
  ]);
}

const formatTime = (seconds: bigint): string => new Date(Number(seconds) * 1_000).toISOString();

const toJson = ({ calls, ...proposal }: Proposal) =>
  JSON.parse(
    JSON.stringify(
      { ...proposal, calls: calls.map((call) => ({ ...call, does: describeCall(call) ?? null })) },
      (_, value) => (typeof value === 'bigint' ? `${value}` : value),
    ),
  );

/** The proposer chooses the text: no control characters reach a terminal. */
const toPrintable = (value: string): string => value.replace(/\p{Cc}+/gu, ' ');

/** @param unit of the votes */
function printProposal(output: Output, proposal: Proposal, unit: string): void {
  const { id, proposer, description, calls, votes, quorum, state, votesFrom, votesUntil, executableFrom } = proposal;
  const line = (name: string, value: string): void => output.write(`${name.padEnd(16)} ${value}\n`);
  line('proposal', `${id}`);
  line('title', toPrintable(description.slice(0, MAX_TITLE)));
  line('by', proposer);
  for (const call of calls)
    line('does', toPrintable(describeCall(call) ?? `an unknown call of ${call.target}: ${call.data}`));
  line('state', state);
  line('votes', `from ${formatTime(votesFrom)} to ${formatTime(votesUntil)}`);
  for (const choice of voteChoices) line(choice, `${formatTokens(votes[choice])} ${unit}`);
  line(
    'quorum',
    quorum === undefined ? 'known once votes are counted' : `${formatTokens(quorum)} ${unit}, for it or abstaining`,
  );
  if (executableFrom > 0n) line('carried out', `from ${formatTime(executableFrom)} on, by anybody`);
}

const listConfig = defineConfig({
  name: 'ogong vote list',
  summary: 'Shows every proposal, the newest first.',
  examples: ['ogong vote list --deployment deployment.json'],
  fields: { ...chainFields, json: jsonField },
});

const listVerb: Verb = {
  summary: 'show every proposal',
  async run(argv, output) {
    const parsed = listConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { json, ...where } = parsed.values;
    const proposals = [...(await (await openLedger('ogong vote list', where)).proposals())].reverse();
    if (json) printJson(output, { proposals: proposals.map(toJson) });
    else if (proposals.length === 0) output.write('nobody proposed anything yet\n');
    else {
      for (const { id, state, description } of proposals) {
        const [title = ''] = description.split('\n');
        output.write(`${`${id}`.slice(0, 12)}  ${state.padEnd(9)}  ${toPrintable(title.slice(0, 80))}\n`);
      }
    }
    return EXIT.ok;
  },
};

const showConfig = defineConfig({
  name: 'ogong vote show',
  summary: 'Shows one proposal: its changes, its votes and its times.',
  examples: ['ogong vote show --proposal 8712 --deployment deployment.json'],
  fields: { ...chainFields, ...proposalField, json: jsonField },
});

const showVerb: Verb = {
  summary: 'show one proposal',
  async run(argv, output) {
    const parsed = showConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { json, proposal: digits, ...where } = parsed.values;
    const chain = await openLedger('ogong vote show', where);
    const proposal = findProposal('ogong vote show', await chain.proposals(), digits);
    if (json) printJson(output, toJson(proposal));
    else printProposal(output, proposal, unitsOf(chain.deployment).token);
    return EXIT.ok;
  },
};

const delegateConfig = defineConfig({
  name: 'ogong vote delegate',
  summary:
    "Gives the votes of the account's tokens to one account. Tokens that are delegated to nobody count for nobody, nor do any in the first voting delay after.",
  examples: [`ogong vote delegate ${EXAMPLE}`],
  fields: { ...actionFields, to: { schema: hex(20), description: 'the voter; the account itself if not given' } },
});

const delegateVerb: Verb = {
  summary: "give the votes of the account's tokens to one account",
  async run(argv, output) {
    const parsed = delegateConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { to, ...values } = parsed.values;
    return act('ogong vote delegate', values, output, {
      does: to === undefined ? 'vote with the tokens of the account' : `give their votes to 0x${to}`,
      async run(writes, { address, deployment }) {
        if (deployment.government === undefined)
          throw new ConfigError('ogong vote delegate', ['nobody votes in this network: its parameters have an owner']);
        await writes.delegateVotes(to === undefined ? address : `0x${to}`);
      },
    });
  },
};

const proposeConfig = defineConfig({
  name: 'ogong vote propose',
  summary:
    'Proposes other parameters. The file names the changes, as JSON: shares, recipients, limits, driftTable, tests, work, guardian. Absent\n' +
    'values stay as they are on the day of the proposal. The proposer needs the threshold of votes, and must have had them for a whole voting delay.',
  examples: [`ogong vote propose --changes changes.json --title "Audit half of all replies" ${EXAMPLE} --dry-run`],
  fields: {
    ...actionFields,
    changes: { schema: text, label: '<path>', required: true, description: 'JSON file with the changes' },
    title: { schema: text, required: true, description: 'purpose; it is part of the proposal' },
  },
});

const proposeVerb: Verb = {
  summary: 'propose other parameters',
  async run(argv, output) {
    const parsed = proposeConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { changes: path, title, ...values } = parsed.values;
    if (title.length > MAX_TITLE) throw new ConfigError('ogong vote propose', [`--title is longer than ${MAX_TITLE}`]);
    const changes = readParameterChanges('ogong vote propose', path);
    return act('ogong vote propose', values, output, {
      does: `propose to change ${Object.keys(changes).join(', ')}`,
      async run(writes, client) {
        const change = completeChange(changes, await client.parameters());
        await writes.propose(encodeParameterChange(client.deployment, change), title);
      },
    });
  },
};

const castConfig = defineConfig({
  name: 'ogong vote cast',
  summary:
    'Votes on a proposal, with the votes delegated to the account during the last voting delay before the count.',
  examples: [`ogong vote cast --proposal 8712 --choice for ${EXAMPLE}`],
  fields: {
    ...actionFields,
    ...proposalField,
    choice: { schema: oneOf(voteChoices), required: true, description: 'how' },
  },
});

const castVerb: Verb = {
  summary: 'vote on a proposal',
  async run(argv, output) {
    const parsed = castConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { proposal: digits, choice, ...values } = parsed.values;
    return act('ogong vote cast', values, output, {
      does: `vote ${choice} on proposal ${digits}`,
      async run(writes, client) {
        const { id } = findProposal('ogong vote cast', await client.proposals(), digits);
        await writes.castVote(id, choice);
      },
    });
  },
};

function createCarryVerb(verb: 'queue' | 'execute'): Verb {
  const name = `ogong vote ${verb}`;
  const config = defineConfig({
    ...{ name, examples: [`${name} --proposal 8712 ${EXAMPLE}`] },
    summary:
      verb === 'queue'
        ? 'Starts the wait of a proposal that passed. Anybody may.'
        : 'Carries a proposal out whose wait is over. Anybody may.',
    fields: { ...actionFields, ...proposalField },
  });
  return {
    summary: verb === 'queue' ? 'start the wait of a proposal that passed' : 'carry a proposal out',
    async run(argv, output) {
      const parsed = config.parse(argv, process.env);
      if (parsed.kind === 'print') {
        output.write(parsed.text);
        return EXIT.ok;
      }
      const { proposal: digits, ...values } = parsed.values;
      return act(name, values, output, {
        does: `${verb} proposal ${digits}`,
        async run(writes, client) {
          const proposal = findProposal(name, await client.proposals(), digits);
          await (verb === 'queue' ? writes.queueProposal(proposal) : writes.executeProposal(proposal));
        },
      });
    },
  };
}

export const voteCommand: Command = createCommandGroup({
  ...{ program: 'ogong', name: 'vote', summary: 'decide about the parameters of the network with tokens' },
  verbs: {
    ...{ list: listVerb, show: showVerb, delegate: delegateVerb, propose: proposeVerb, cast: castVerb },
    ...{ queue: createCarryVerb('queue'), execute: createCarryVerb('execute') },
  },
  examples: ['ogong vote list --deployment deployment.json', `ogong vote cast --proposal 8712 --choice for ${EXAMPLE}`],
});
