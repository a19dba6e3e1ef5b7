import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A card that draws or computes, as the PCI bus shows it: with or without a driver. */
export interface GraphicsCard {
  /** e.g. `0000:01:00.0`. */
  readonly slot: string;
  readonly vendor: 'NVIDIA' | 'AMD' | 'Intel' | 'unknown';
  /** Vendor and device, e.g. `10de:2330`. */
  readonly id: string;
  /** Name that NVIDIA's driver gives it, if the driver runs. */
  readonly name?: string;
}

export interface GraphicsCards {
  /** In the order of their slots. */
  readonly cards: readonly GraphicsCard[];
  /** The version of NVIDIA's kernel driver; undefined if none is loaded. */
  readonly nvidiaDriver: string | undefined;
}

const VENDORS: Readonly<Record<string, GraphicsCard['vendor']>> = { '10de': 'NVIDIA', '1002': 'AMD', '8086': 'Intel' };
/** Display controllers of PCI: VGA, 3D and others. */
const DISPLAY_CLASS = /^0x03[0-9a-f]{4}$/;
const PCI_ID = /^0x([0-9a-f]{4})$/;
const MAX_CARDS = 64;
const MAX_NAME = 128;

/**
 * Reads what Linux shows of its cards. Entries of another form are skipped.
 * @param root of the file system; a test gives a recorded one.
 */
export function listGraphicsCards(root = '/'): GraphicsCards {
  const devices = join(root, 'sys/bus/pci/devices');
  const driver = join(root, 'proc/driver/nvidia');
  const cards: GraphicsCard[] = [];
  for (const slot of listNames(devices)) {
    if (cards.length === MAX_CARDS) break;
    const read = (name: string): string => readText(join(devices, slot, name)).trim();
    const [, vendor] = PCI_ID.exec(read('vendor')) ?? [];
    const [, device] = PCI_ID.exec(read('device')) ?? [];
    if (vendor === undefined || device === undefined || !DISPLAY_CLASS.test(read('class'))) continue;
    const [, name] =
      /^Model:[ \t]*(\S[^\r\n]*?)[ \t]*$/m.exec(readText(join(driver, 'gpus', slot, 'information'))) ?? [];
    cards.push({
      ...{ slot, vendor: VENDORS[vendor] ?? 'unknown', id: `${vendor}:${device}` },
      ...(name !== undefined && { name: name.slice(0, MAX_NAME) }),
    });
  }
  const [, nvidiaDriver] =
    /^NVRM version:.*?\s(\d{1,5}(?:\.\d{1,5}){1,3})\s/m.exec(readText(join(driver, 'version'))) ?? [];
  return { cards, nvidiaDriver };
}

function listNames(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
