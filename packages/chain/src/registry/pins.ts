import { encodeFunctionData, parseEventLogs, type TransactionReceipt } from 'viem';
import type { Deployment } from '../deployment.ts';
import { ChainError } from '../errors.ts';
import { pinsAbi as abi } from '../generated/abi.ts';
import { type Address, type BytesLike, type Hex, lowerHex, toAddress, toHex } from '../hex.ts';
import { listRanges } from '../list-ranges.ts';
import type { Allow } from '../money/allowance.ts';
import type { Transactor } from '../transactor.ts';

/** Offer of a pin, as its payer opens it. */
export interface PinOffer {
  readonly provider: BytesLike;
  /** Id of the blob: the root of the tree over its blocks, 32 bytes. */
  readonly blob: BytesLike;
  /** Root of the tree over its chunks, 32 bytes. */
  readonly pinRoot: BytesLike;
  /** 1..2^40. */
  readonly sizeBytes: number;
  /** Atomic units, above 0. */
  readonly feePerEpoch: bigint;
  readonly epochs: number;
  /** At least 8. */
  readonly epochBlocks: number;
  /** Address from which the provider can fetch the blob, at most 256 bytes. */
  readonly place: string;
}

/** A pin as the contract has it. */
export interface Pin {
  readonly pin: bigint;
  readonly payer: Address;
  readonly provider: Address;
  readonly blob: Hex;
  readonly pinRoot: Hex;
  readonly sizeBytes: number;
  readonly feePerEpoch: bigint;
  /** 0 of a cancelled offer. */
  readonly epochs: number;
  readonly epochBlocks: number;
  /** First block of epoch 0; undefined until the provider accepts. */
  readonly start: bigint | undefined;
  /** Epochs whose fee went to the provider. */
  readonly proven: number;
  /** One past the last proven epoch. */
  readonly provenUntil: number;
  /** Epochs whose fee went back to the payer. */
  readonly returned: number;
}

/** A pin that an account opened or was offered. */
export interface ListedPin {
  readonly pin: bigint;
  readonly place: string;
}

/** Blocks of an epoch in which its proof counts, if the epoch is not shorter. The contract has the same number. */
export const PROOF_WINDOW = 250;

function requirePins({ pins }: Pick<Deployment, 'pins'>): Address {
  if (pins === undefined) throw new ChainError('bad-input', 'this network keeps no pins');
  return pins;
}

export function createPinReads({ read }: Pick<Transactor, 'read'>, deployment: Pick<Deployment, 'pins' | 'block'>) {
  const contract = () => ({ address: requirePins(deployment), abi }) as const;
  return {
    /** Returns a pin by its number. @throws ChainError `reverted` if there is none. */
    pinOf(pin: bigint): Promise<Pin> {
      return read('a pin', async (client) => {
        const found = await client.readContract({ ...contract(), functionName: 'pinOf', args: [pin] });
        const { payer, provider, feePerEpoch, epochs, epochBlocks, start, proven, provenUntil, returned } = found;
        const { blob, pinRoot, sizeBytes } = found.content;
        return {
          ...{ pin, ...lowerHex({ payer, provider, blob, pinRoot }), sizeBytes: Number(sizeBytes), feePerEpoch },
          ...{ epochs, epochBlocks, start: start === 0n ? undefined : start, proven, provenUntil, returned },
        };
      });
    },
    /** Returns the number of pins. The newest one has the number before it. */
    pinCount: (): Promise<bigint> =>
      read('number of pins', (client) => client.readContract({ ...contract(), functionName: 'pinCount' })),
    /** Returns the missed epochs whose fee has not gone back to the payer. */
    missedEpochsOf: (pin: bigint): Promise<number> =>
      read('missed epochs of a pin', (client) =>
        client.readContract({ ...contract(), functionName: 'missedOf', args: [pin] }),
      ),
    /** Returns what an account can claim from pins, atomic units. */
    pinCreditOf(account: BytesLike): Promise<bigint> {
      const args = [toAddress(account, 'account')] as const;
      return read('credit of pins', (client) => client.readContract({ ...contract(), functionName: 'creditOf', args }));
    },
    /**
     * Lists the pins that an account opened, or that were offered to it, in the order of their numbers.
     * @param span blocks, both included. Default: all of the deployment.
     */
    listPins(
      by: { readonly payer: BytesLike } | { readonly provider: BytesLike },
      span: { readonly from?: bigint; readonly to?: bigint } = {},
    ): Promise<readonly ListedPin[]> {
      const args =
        'payer' in by ? { payer: toAddress(by.payer, 'payer') } : { provider: toAddress(by.provider, 'provider') };
      return read('pins of an account', async (client) => {
        const last = span.to ?? (await client.getBlockNumber({ cacheTime: 0 }));
        const event = { ...contract(), eventName: 'PinOpened', args, strict: true } as const;
        const found: ListedPin[] = [];
        for (const range of listRanges(span.from ?? BigInt(deployment.block), last)) {
          const events = await client.getContractEvents({ ...event, ...range });
          found.push(...events.map(({ args: { pin, place } }) => ({ pin, place })));
        }
        return found;
      });
    },
    /** Returns the newest block's number. */
    headBlock: (): Promise<bigint> => read('head', (client) => client.getBlockNumber({ cacheTime: 0 })),
    /** Returns the hash of a block, 32 bytes: the seed of the epoch that begins with it. */
    blockHashOf: (blockNumber: bigint): Promise<Hex> =>
      read('hash of a block', async (client) => (await client.getBlock({ blockNumber })).hash),
  };
}

/** Reads the number of the pin that a transaction opened. @throws ChainError `reverted` if it opened none. */
export function readOpenedPin({ logs }: Pick<TransactionReceipt, 'logs'>): bigint {
  const [opened] = parseEventLogs({ abi, eventName: 'PinOpened', logs: [...logs] });
  if (opened === undefined) throw new ChainError('reverted', 'open a pin: the receipt names no pin');
  return opened.args.pin;
}

/** @param allow gives the contract an allowance of the token. */
export function createPinWrites(
  { send }: Pick<Transactor, 'send'>,
  deployment: Pick<Deployment, 'pins' | 'token'>,
  allow: Allow,
) {
  const call = (
    functionName: 'accept' | 'cancel' | 'returnMissed' | 'stop',
    what: string,
    pin: bigint,
  ): Promise<TransactionReceipt> =>
    send(what, requirePins(deployment), encodeFunctionData({ abi, functionName, args: [pin] }));
  const open = ({ provider, blob, pinRoot, sizeBytes, feePerEpoch, epochs, epochBlocks, place }: PinOffer) => {
    const roots = { blob: toHex(blob, 'blob', 32), pinRoot: toHex(pinRoot, 'pinRoot', 32) };
    const content = { ...roots, sizeBytes: BigInt(sizeBytes) };
    const args = [toAddress(provider, 'provider'), content, feePerEpoch, epochs, epochBlocks, place] as const;
    return send('open a pin', requirePins(deployment), encodeFunctionData({ abi, functionName: 'open', args }));
  };
  const allowFees = (offers: readonly PinOffer[]): Promise<void> =>
    allow(
      deployment.token,
      requirePins(deployment),
      offers.reduce((sum, { feePerEpoch, epochs }) => sum + feePerEpoch * BigInt(epochs), 0n),
    );
  return {
    /** Offers a pin and locks the fees of all its epochs. `readOpenedPin` reads its number. */
    async openPin(offer: PinOffer): Promise<TransactionReceipt> {
      await allowFees([offer]);
      return open(offer);
    },
    /** Offers pins one after the other, under one allowance for the fees of all of them. */
    async openPins(offers: readonly PinOffer[]): Promise<readonly TransactionReceipt[]> {
      const receipts: TransactionReceipt[] = [];
      if (offers.length > 0) await allowFees(offers);
      for (const offer of offers) receipts.push(await open(offer));
      return receipts;
    },
    /** Accepts an offer to this account. Epoch 0 begins with the next block. */
    acceptPin: (pin: bigint) => call('accept', 'accept a pin', pin),
    /** Takes back an offer that nobody has accepted. */
    cancelPin: (pin: bigint) => call('cancel', 'cancel a pin', pin),
    /** Ends a pin after the epoch that follows the present one. */
    stopPin: (pin: bigint) => call('stop', 'stop a pin', pin),
    /** Gives the payer the fees of missed epochs as credit; anyone may. */
    returnMissedEpochs: (pin: bigint) => call('returnMissed', 'return missed epochs', pin),
    /** Sends the chunks of an epoch; anyone may. */
    provePin: (pin: bigint, epoch: number, proof: BytesLike): Promise<TransactionReceipt> => {
      const args = [pin, epoch, toHex(proof, 'proof')] as const;
      return send('prove a pin', requirePins(deployment), encodeFunctionData({ abi, functionName: 'prove', args }));
    },
    /** Pays out this account's credit of pins. */
    claimPinCredit: () =>
      send('claim credit of pins', requirePins(deployment), encodeFunctionData({ abi, functionName: 'claim' })),
  };
}
