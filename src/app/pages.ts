/**
 * Wires the pages for people.
 */
import type { Router } from "express";
import type { Access } from "../access/access.ts";
import { createPages } from "../pages/pages.ts";

export function pagesOf(access: Access): Router {
  return createPages({ access });
}
