/**
 * The microphone page before anybody speaks, and the pages of who is not let in.
 */
import type { Page } from "playwright-core";
import type { Look } from "./picture.ts";

/** @param url - Of a server that lets everybody in. */
export function listenLooks(url: string): Look[] {
  const open = async (page: Page): Promise<void> => void (await page.goto(`${url}/listen`));
  return [
    { name: "listen-empty", show: open },
    {
      name: "listen-settings",
      show: async (page) => {
        await open(page);
        await page.getByText("Microphone and language").click();
      },
    },
    {
      name: "listen-denied",
      show: async (page) => {
        await page.addInitScript(
          "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'));",
        );
        await open(page);
        await page.getByRole("button", { name: "Start" }).click();
        await page.getByText("This page may not use").waitFor();
      },
    },
  ];
}

/**
 * @param url - Of a server that has a key.
 * @param key - With the scope `read` alone.
 */
export function doorLooks(url: string, key: string): Look[] {
  const logIn = async (page: Page, typed: string): Promise<void> => {
    await page.goto(`${url}/listen`);
    await page.getByLabel("API key").fill(typed);
    await page.getByRole("button", { name: "Log in" }).click();
  };
  return [
    { name: "login", show: async (page) => void (await page.goto(`${url}/listen`)) },
    {
      name: "login-wrong",
      show: async (page) => {
        await logIn(page, "wrong");
        await page.getByText("This is not a key").waitFor();
      },
    },
    {
      name: "refused",
      show: async (page) => {
        await logIn(page, key);
        await page.getByText("Your key does not open this page").first().waitFor();
      },
    },
  ];
}
