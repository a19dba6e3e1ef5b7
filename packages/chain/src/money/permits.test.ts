import { decodeFunctionData, type Hex, parseAbi } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { expect, it } from 'vitest';
import type { Transactor } from '../transactor.ts';
import { createPermitWrites, describePermit, isPermitted } from './permits.ts';

const abi = parseAbi([
  'struct TokenPermissions { address token; uint256 amount; }',
  'struct PermitTransferFrom { TokenPermissions permitted; uint256 nonce; uint256 deadline; }',
  'struct Witness { address to; address facilitator; uint256 validAfter; }',
  'function settle(PermitTransferFrom permit, uint256 amount, address owner, Witness witness, bytes signature)',
]);

it('sends a signature that ends with 0 or 1 in the form that Permit2 takes', async () => {
  const payer = privateKeyToAccount(`0x${'01'.repeat(32)}`);
  const deployment = { chainId: 31_337, token: `0x${'ee'.repeat(20)}` as const };
  const other = `0x${'dd'.repeat(20)}` as const;
  const from = payer.address.toLowerCase() as Hex;
  const sent: Hex[] = [];
  const send = (async (_what: string, _to: Hex, data: Hex) => void sent.push(data)) as unknown as Transactor['send'];
  const lastBytes = new Set<string>();
  for (let nonce = 0n; nonce < 8n; nonce++) {
    const permit = { from, to: other, facilitator: other, maximum: 9n, nonce, validAfter: 0n, deadline: 9n };
    const signature = await payer.signTypedData(describePermit(deployment, permit));
    const short: Hex = `0x${signature.slice(2, -2)}${signature.endsWith('1b') ? '00' : '01'}`;
    lastBytes.add(short.slice(-2));
    expect(await isPermitted(deployment, permit, short)).toBe(true);
    const { takeByPermit } = createPermitWrites({ send }, deployment.token);
    await takeByPermit({ permit, signature: short, approval: undefined }, 5n);
    expect(decodeFunctionData({ abi, data: sent.at(-1) as Hex }).args[4]).toBe(signature);
  }
  expect([...lastBytes].sort()).toEqual(['00', '01']);
});
