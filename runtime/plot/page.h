/* The interactive page without its data: written by page.cmake, ended by a 0. */
#ifndef RUNTIME_PLOT_PAGE_H
#define RUNTIME_PLOT_PAGE_H

extern const char page_html[], page_js[];

#endif
