import { fromHex } from '@ogong/protocol/base/bytes';
import { z } from 'zod';

/** 20 bytes. */
export const ledgerAddress = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, 'expected an address, 0x and 40 hexadecimal digits')
  .transform((value) => fromHex(value.slice(2).toLowerCase(), 20));
