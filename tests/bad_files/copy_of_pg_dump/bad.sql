--
-- PostgreSQL database dump
--

\restrict x
