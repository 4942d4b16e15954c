/**
 * Published peaks of cards, by the name that nvidia-smi gives them.
 */

/** What a device can do at most. */
export interface Peak {
  /** Of the arithmetic that the encoder does there, GFLOP/s: dense, no sparsity. */
  gflops: number;
  /** Of its memory, GB/s (1e9 bytes). */
  gbs: number;
  source: string;
}

/**
 * Float16 with float32 sums in tensor cores, dense (data sheets print twice as much, "with sparsity"), TFLOP/s; memory,
 * GB/s. Without "NVIDIA", "Tesla" and "GeForce"; of cards with several memories each has its name.
 */
const CARDS = new Map<string, readonly [tflops: number, gbs: number, source: string]>(
  Object.entries({
    "H100 80GB HBM3": [989.4, 3350, "H100 data sheet, SXM5"],
    "H100 PCIe": [756, 2000, "H100 data sheet, PCIe"],
    "H100 NVL": [835.5, 3900, "H100 NVL data sheet"],
    H200: [989.4, 4800, "H200 data sheet, SXM"],
    "H200 NVL": [835.5, 4800, "H200 data sheet, NVL"],
    "A100-SXM4-40GB": [312, 1555, "A100 data sheet, 40 GB"],
    "A100-SXM4-80GB": [312, 2039, "A100 data sheet, 80 GB SXM"],
    "A100-PCIE-40GB": [312, 1555, "A100 data sheet, 40 GB"],
    "A100 80GB PCIe": [312, 1935, "A100 data sheet, 80 GB PCIe"],
    L4: [121, 300, "L4 data sheet"],
    L40S: [362, 864, "L40S data sheet"],
    A10: [125, 600, "A10 data sheet"],
    T4: [65, 320, "T4 data sheet"],
    "RTX 4090": [165.2, 1008, "Ada architecture white paper, float32 sums"],
  }),
);

/**
 * The peaks of a card, or null when its name is none of the table's: names must be equal, for an A10G is no A10, and the
 * RTX 4090 of a laptop is another chip.
 */
export function peakOf(name: string): Peak | null {
  const card = CARDS.get(shortName(name));
  if (!card) return null;
  const [tflops, gbs, source] = card;
  return { gflops: tflops * 1000, gbs, source };
}

/** Whether the goals are said for it: H100 and H200, of any form. */
export function isGoalCard(name: string): boolean {
  return /^H[12]00\b/.test(shortName(name));
}

function shortName(name: string): string {
  return name
    .trim()
    .replace(/^(?:NVIDIA|Tesla|GeForce)\s+/, "")
    .replace(/^(?:Tesla|GeForce)\s+/, "");
}
