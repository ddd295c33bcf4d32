/** Has the browser keep a person's name in a cookie for a year; an empty value makes it forget.
 * @param {{ data: { name: string, value: string } }} component */
export default function remember({ data }) {
  const age = data.value ? 31536000 : 0;
  document.cookie = `${data.name}=${data.value}; Path=/; Max-Age=${age}; SameSite=Strict`;
}
