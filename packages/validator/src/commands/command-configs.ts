import { defineConfig } from '@ogong/host/config/define-config';
import { amountForm, boolean, escrowAmount, hostPort, integer, text } from '@ogong/host/config/values';
import { fromHex } from '@ogong/protocol/base/bytes';
import { OFFENCES } from '@ogong/protocol/settlement/conviction';
import { z } from 'zod';
import { ledgerAddress } from '../signer/ledger-address.ts';
import { commonFields, signedFields } from '../validator-fields.ts';

const providerId = z
  .string()
  .regex(/^(0x)?[0-9a-f]{64}$/, 'expected 64 lower-case hexadecimal digits')
  .transform((value) => fromHex(value.replace(/^0x/, ''), 32));

const signature = z
  .string()
  .regex(/^0x[0-9a-f]{130}$/, 'expected a signature, 0x and 130 lower-case hexadecimal digits')
  .transform((value) => fromHex(value.slice(2), 65));

const gathered = {
  schema: signature,
  label: '<signature>',
  repeatable: true,
  description: 'signature that an operator printed; the command submits these signatures and signs nothing',
} as const;

export const reinstateConfig = defineConfig({
  name: 'ogong-validatord reinstate',
  examples: ['ogong-validatord reinstate --deployment deployment.json --provider <id>'],
  summary:
    "Signs the end of a provider's ejection. The running daemon hands the signature to the other validators, and submits once\n" +
    'more than two thirds of the votes have signed. Every operator runs it for itself, before the appeal is over.',
  fields: {
    provider: {
      schema: providerId,
      label: '<id>',
      required: true,
      description: 'id of the ejected provider, 64 hexadecimal digits',
    },
    ...signedFields,
  },
});

export const pardonConfig = defineConfig({
  name: 'ogong-validatord pardon',
  examples: ['ogong-validatord pardon --deployment deployment.json --payee <address>'],
  summary:
    'Signs that a payee gets back its stake from penalties, and prints the signature. Every operator that agrees runs it;\n' +
    'one of them submits the signatures, before the appeal is over. More than two thirds of the votes are needed.',
  fields: {
    payee: { schema: ledgerAddress, label: '<address>', required: true, description: 'payee whose stake is withheld' },
    signature: gathered,
    ...signedFields,
  },
});

export const revokeMachineConfig = defineConfig({
  name: 'ogong-validatord revoke-machine',
  examples: ['ogong-validatord revoke-machine --deployment deployment.json --machine <id> --evidence evidence.json'],
  summary:
    'Signs the revocation of a machine of a confidential tier, for every provider that has it, and prints the signature. Its vendor revoked it, or its\n' +
    'evidence is forged. The operator has checked the file itself; only its hash is signed. Every operator runs it on the same file, and one of\n' +
    'them submits the signatures. The forger loses stake by convict --offence forged-machine.',
  fields: {
    machine: {
      schema: z
        .string()
        .regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits')
        .transform((id) => fromHex(id)),
      label: '<id>',
      required: true,
      description: "the machine's name, as the registry has it",
    },
    evidence: {
      schema: text,
      label: '<path>',
      required: true,
      description: 'file with the evidence; operators publish it',
    },
    restore: { schema: boolean, boolean: true, description: 'takes back an earlier revocation' },
    signature: gathered,
    ...signedFields,
  },
});

export const ejectMachineConfig = defineConfig({
  name: 'ogong-validatord eject-machine',
  examples: [
    'ogong-validatord eject-machine --deployment deployment.json --receipt receipt.json --revoked-list crl.der',
  ],
  summary:
    'Checks a receipt whose provider vouched for a machine that is forged, or was revoked long before. If it proves that, the running daemon\n' +
    'has the other validators check it too, and ejects the provider by their signatures.',
  fields: {
    receipt: {
      schema: text,
      label: '<path>',
      required: true,
      description: 'receipt of a reply of tier tee or tee-proxy',
    },
    revokedList: {
      schema: text,
      label: '<path>',
      description: "its vendor's list of revoked certificates (DER), if that shows the offence",
    },
    ...commonFields,
  },
});

export const acquitConfig = defineConfig({
  name: 'ogong-validatord acquit',
  examples: ['ogong-validatord acquit --deployment deployment.json --case 3'],
  summary:
    'Votes as a member of the panel of an appeal to lift the decision, and prints the signature. One of the panel\n' +
    'submits the signatures, before the appeal is over. More than half of the panel is needed. Give one of --case, --provider, --payee and --freeze.',
  fields: {
    case: { schema: integer(), label: '<number>', description: 'a case, by its number' },
    provider: { schema: providerId, label: '<id>', description: 'the last ejection of a provider' },
    payee: { schema: ledgerAddress, label: '<address>', description: 'the stake of a payee that penalties withhold' },
    freeze: {
      schema: providerId,
      label: '<id>',
      description: "lifts nothing: stops the vesting of a provider's earnings for a week",
    },
    period: {
      schema: integer(),
      label: '<number>',
      description: 'for --freeze: the day of the request, in days since 1970. Default: today',
    },
    signature: {
      schema: signature,
      label: '<signature>',
      repeatable: true,
      description: 'vote that a member of the panel printed; the command submits these votes and signs nothing',
    },
    ...signedFields,
  },
});

export const allotConfig = defineConfig({
  name: 'ogong-validatord allot',
  examples: ['ogong-validatord allot --deployment deployment.json'],
  summary:
    'Does by hand what the daemons do by themselves: computes from the chain the earnings of the emission since the last tally,\n' +
    'and prints a signature over it. One operator submits the signatures. More than two thirds of the votes are needed.',
  fields: {
    until: {
      schema: integer(),
      label: '<seconds>',
      description:
        'end of the tally, seconds since 1970, the same for all operators. Default: the end of the first period with work',
    },
    signature: gathered,
    ...signedFields,
  },
});

export const retireKeyConfig = defineConfig({
  name: 'ogong-validatord retire-key',
  examples: ['ogong-validatord retire-key --deployment deployment.json --last-epoch 20000'],
  summary:
    "Signs that the threshold beacon's key ends with an epoch, and prints the signature: the validators go back to the bootstrap beacon and\n" +
    'make a new key. Every operator that agrees runs it with the same epoch; one of them submits the signatures before that epoch begins.\n' +
    'More than two thirds of the votes are needed. A signer signs another epoch only once the chain is 15 minutes past the first.',
  fields: {
    lastEpoch: {
      schema: integer({ min: 1 }),
      label: '<epoch>',
      required: true,
      description:
        'last epoch of the key. It must not have begun, and must be far enough ahead for all operators to sign, a week at most',
    },
    signature: gathered,
    ...signedFields,
  },
});

export const convictConfig = defineConfig({
  name: 'ogong-validatord convict',
  examples: ['ogong-validatord convict --deployment deployment.json --evidence evidence.bin'],
  summary:
    'Checks evidence that a validator admitted more than a channel holds, by the chain, and signs its conviction if every check passes.\n' +
    'For any other offence the operator has checked the file itself, and says so by --offence and --accused: only its hash is signed.\n' +
    'Every operator runs it on the same file; one of them submits the signatures. More than two thirds of the votes are needed. A\n' +
    'conviction takes a tenth of bond or stake, which is withheld while the appeal lasts (see acquit).',
  fields: {
    evidence: {
      schema: text,
      label: '<path>',
      required: true,
      description: 'file that ogong-provider admissions wrote, or the evidence of the named offence',
    },
    offence: {
      schema: z.enum(OFFENCES).exclude(['over-admission']),
      label: '<offence>',
      description:
        'false-verdict, contradiction, misrouting, passed-honeypot, refuted-report or forged-machine; needs --accused',
    },
    accused: {
      schema: ledgerAddress,
      label: '<address>',
      description: 'account that loses bond (the first two offences) or stake (the others); with --offence',
    },
    reporter: {
      schema: ledgerAddress,
      label: '<address>',
      description: 'finder of the evidence, which gets a share of the penalty. Default: none',
    },
    signature: gathered,
    ...signedFields,
  },
});

export const registerConfig = defineConfig({
  name: 'ogong-validatord register',
  examples: ['ogong-validatord register --deployment deployment.json --bond 1000.0 --endpoint validator.example:4533'],
  summary: 'Bonds and registers this validator: endpoint, certificate and VRF key. A second run updates the entry.',
  fields: {
    bond: {
      schema: escrowAmount,
      label: '<amount>',
      required: true,
      description: `total bond to reach, ${amountForm}. Misconduct forfeits it`,
    },
    endpoint: {
      schema: hostPort,
      label: '<host:port>',
      required: true,
      description: 'address at which validators, providers and gateways reach this validator',
    },
    ...commonFields,
  },
});

export const consentConfig = defineConfig({
  name: 'ogong-validatord consent',
  examples: ['ogong-validatord consent --deployment deployment.json --account <address>'],
  summary:
    'Prints the consent of a signing key to sign for an account. Run it where the signing key is, and set-signer where the key of\n' +
    'the account is. Without --signing-keypair it takes signing.key in the data directory, and creates it if it is missing.',
  fields: {
    ...commonFields,
    account: { ...signedFields.account, required: true },
    signingKeypair: signedFields.signingKeypair,
  },
});

export const setSignerConfig = defineConfig({
  name: 'ogong-validatord set-signer',
  examples: ['ogong-validatord set-signer --deployment deployment.json --signing-key <address> --consent <signature>'],
  summary:
    "Names the key that signs for this account: batches, votes on the beacon, receipts. It needs the account's key. The new key\n" +
    'counts one voting delay later; until then the one before does.',
  fields: {
    signingKey: {
      schema: ledgerAddress,
      label: '<address>',
      required: true,
      description: "address of the signing key; the account's own address removes a named key",
    },
    consent: { schema: signature, label: '<signature>', description: 'output of ogong-validatord consent' },
    ...commonFields,
  },
});
