/** What runs a recognition worker: processor cores, or one CUDA card by its index. */
export type Device = { readonly kind: "cpu" } | { readonly kind: "cuda"; readonly card: number };
