/*M!999999\- enable the sandbox mode */
INSERT INTO log (txt) VALUES ('before;');
DELIMITER //
CREATE PROCEDURE one()
BEGIN
    INSERT INTO log (txt) VALUES ('//;'); -- //
    IF 1 THEN INSERT INTO log (txt) VALUES (";"); END IF;
END//
CALL one() //
INSERT INTO log (txt) VALUES ('between')
//
delimiter $$
CREATE FUNCTION two(a INT) RETURNS INT DETERMINISTIC BEGIN RETURN CASE a WHEN 1 THEN 2 ELSE 3 END; END$$
INSERT INTO log (txt) VALUES (two(1)), ('$$'), ("$$") $$ INSERT INTO log (txt) VALUES ('same line') $$
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=CURRENT_USER*/ /*!50003 TRIGGER tr BEFORE INSERT ON log FOR EACH ROW BEGIN
    SET @n = 1;
    SET NEW.txt = CONCAT(NEW.txt, ';');
END */;;
DELIMITER ;
INSERT INTO log (txt) VALUES ('after'); INSERT INTO log (txt) VALUES ('last')
